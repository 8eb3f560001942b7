import * as v from "valibot";

/** An owner's (epoch, number): it only grows, and every document carries the one it was built at. */
export const versionSchema = v.object({ epoch: v.number(), number: v.number() });

export type Version = v.InferOutput<typeof versionSchema>;

/** What a write answers: each document that it marked, with the version that the document will reach. */
export const markedSchema = v.array(v.object({ path: v.string(), version: versionSchema }));

export type Mark = v.InferOutput<typeof markedSchema>[number];

export function reached(version: Version | null, awaited: Version): boolean {
  if (version === null) return false;
  return version.epoch > awaited.epoch || (version.epoch === awaited.epoch && version.number >= awaited.number);
}

export function versionText(version: Version): string {
  return `${version.epoch}.${version.number}`;
}

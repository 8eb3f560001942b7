/** The rows of a month: from Firestore inside the mirrored window, from the API for older months. */
import * as v from "valibot";

import { type Transaction, transactionSchema, unshowableSchema } from "@/lib/documents";
import type { LiveDocument } from "@/lib/live/topics";
import { type Version, versionSchema } from "@/lib/live/versions";

export interface Row {
  readonly path: string;
  readonly id: string;
  readonly date: string | null;
  /** Null for a row that came from the API. */
  readonly version: Version | null;
  /** Null for a transaction that the mirror, or this page, cannot show; the totals count it all the same. */
  readonly transaction: Transaction | null;
}

export interface Day {
  readonly date: string | null;
  readonly rows: readonly Row[];
}

/** A transaction as the API lists it: the fields of the document, and its id. */
export const listedSchema = v.object({
  ...transactionSchema.entries,
  id: v.string(),
  version: v.optional(v.nullable(versionSchema), null),
});

export type Listed = v.InferOutput<typeof listedSchema>;

const cache = new WeakMap<LiveDocument, Row>();
const listedCache = new WeakMap<Listed, Row>();

/** Keeps the identity of the row of an unchanged document, so that only changed rows are drawn again. */
export function rowOf(document: LiveDocument): Row {
  const known = cache.get(document);
  if (known !== undefined) return known;
  const row = read(document);
  cache.set(document, row);
  return row;
}

export function rowOfListed(listed: Listed, path: string): Row {
  const known = listedCache.get(listed);
  if (known !== undefined) return known;
  const transaction = { ...listed, version: listed.version ?? { epoch: 0, number: 0 } };
  const row = { path, id: listed.id, date: listed.date, version: listed.version, transaction };
  listedCache.set(listed, row);
  return row;
}

/** Live rows first, then those listed by the API that are not among them. */
export function merged(live: readonly Row[], listed: readonly Row[]): readonly Row[] {
  const paths = new Set(live.map((row) => row.path));
  return [...live, ...listed.filter((row) => !paths.has(row.path))];
}

/** Rows by day, in the order they came. Hidden are those whose deletion is on its way. */
export function byDay(rows: readonly Row[], hidden: readonly string[]): Day[] {
  const days = new Map<string | null, Row[]>();
  for (const row of rows) {
    if (hidden.includes(row.path)) continue;
    days.set(row.date, [...(days.get(row.date) ?? []), row]);
  }
  return [...days].map(([date, rows]) => ({ date, rows }));
}

function read({ path, id, data }: LiveDocument): Row {
  const full = v.safeParse(transactionSchema, data);
  if (full.success) return { path, id, date: full.output.date, version: full.output.version, transaction: full.output };
  const rest = v.safeParse(unshowableSchema, data);
  return {
    path,
    id,
    date: rest.success ? rest.output.date : null,
    version: rest.success ? rest.output.version : null,
    transaction: null,
  };
}

/**
 * The settings of this deployment, read from the server that served the page.
 * Nothing is baked into the build: the same files run in the demo and in production.
 */
import * as v from "valibot";

const optionalText = v.optional(v.nullable(v.string()), null);

const configSchema = v.object({
  firebase: v.object({ apiKey: v.string(), projectId: v.string(), authDomain: v.string() }),
  firestoreHost: optionalText,
  authUrl: optionalText,
  bankUrl: optionalText,
  linkShimUrl: optionalText,
  release: v.optional(v.nullable(v.string()), null),
});

export type Config = v.InferOutput<typeof configSchema>;

/** Reads /config.json; throws when it cannot be fetched or names a missing setting. */
export async function readConfig(): Promise<Config> {
  const answer = await fetch("/config.json", { cache: "no-store" });
  if (!answer.ok) throw new Error(`/config.json answered ${answer.status}`);
  const parsed = v.safeParse(configSchema, await answer.json());
  if (!parsed.success) throw new Error(`/config.json: ${v.summarize(parsed.issues)}`);
  return parsed.output;
}

import * as v from "valibot";

import type { Api } from "@/lib/api/client";

/** What Link is to be opened for. */
export interface LinkWish {
  /** A bank that is linked, to sign in again; null for a new one. */
  readonly itemId: string | null;
  /** Let the accounts of that bank be chosen anew. */
  readonly accountSelection?: boolean;
  /** At an address of Plaid's, for a page that cannot load Link. */
  readonly hosted?: boolean;
}

const answerSchema = v.object({
  sessionId: v.string(),
  linkToken: v.string(),
  expiration: v.pipe(v.string(), v.isoTimestamp()),
  hostedLinkUrl: v.nullable(v.string()),
});

export type LinkOpening = v.InferOutput<typeof answerSchema>;

export function createLinkToken(api: Api, { itemId, ...wish }: LinkWish): Promise<LinkOpening> {
  const body = { ...wish, ...(itemId === null ? {} : { itemId }) };
  return api.send({ method: "POST", path: "/api/link-tokens", body, answer: answerSchema });
}

import * as v from "valibot";

import type { Api } from "@/lib/api/client";

const answerSchema = v.object({ linkToken: v.string() });

/** For a new bank, or with an item: to sign in again to a bank already linked. */
export async function createLinkToken(api: Api, itemId: string | null): Promise<string> {
  const body = itemId === null ? {} : { itemId };
  const { linkToken } = await api.send({ method: "POST", path: "/api/link-tokens", body, answer: answerSchema });
  return linkToken;
}

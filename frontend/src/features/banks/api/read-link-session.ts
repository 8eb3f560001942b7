import * as v from "valibot";

import type { Api } from "@/lib/api/client";

const sessionSchema = v.object({
  state: v.picklist(["open", "finished", "failed", "expired"]),
  itemId: v.nullable(v.string()),
  problem: v.nullable(v.string()),
});

export type LinkSession = v.InferOutput<typeof sessionSchema>;

/** How a use of Link at Plaid's own address stands. */
export async function readLinkSession(api: Api, sessionId: string): Promise<LinkSession> {
  const path = `/api/link-sessions/${encodeURIComponent(sessionId)}`;
  const { session } = await api.send({ method: "GET", path, answer: v.object({ session: sessionSchema }) });
  return session;
}

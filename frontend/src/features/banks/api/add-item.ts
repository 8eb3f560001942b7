import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import { type Mark, markedSchema } from "@/lib/live/versions";

/** Link's public token works once, so it is its own idempotency: the same token gets the same key. */
export function addItem(api: Api, publicToken: string, idempotencyKey: string): Promise<{ marked: Mark[] }> {
  const answer = v.object({ marked: v.optional(markedSchema, []) });
  return api.send({ method: "POST", path: "/api/items", body: { publicToken }, idempotencyKey, answer });
}

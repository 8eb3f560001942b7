import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import { type Mark, markedSchema } from "@/lib/live/versions";

/** Update mode is over: no token to exchange, the item is the same and can be pulled again. */
export function finishRepair(api: Api, itemId: string): Promise<{ marked: Mark[] }> {
  const answer = v.object({ marked: v.optional(markedSchema, []) });
  return api.send({ method: "POST", path: `/api/items/${encodeURIComponent(itemId)}/repaired`, answer });
}

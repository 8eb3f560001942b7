import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import { type Mark, markedSchema } from "@/lib/live/versions";

export function removeItem(api: Api, itemId: string): Promise<{ marked: Mark[] }> {
  const answer = v.object({ marked: v.optional(markedSchema, []) });
  return api.send({ method: "DELETE", path: `/api/items/${encodeURIComponent(itemId)}`, answer });
}

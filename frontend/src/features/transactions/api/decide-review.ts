import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import { type Mark, markedSchema } from "@/lib/live/versions";

/** Confirm: the two are one payment. Decline: they are two. Undo takes either back. */
export type Decision = "confirm" | "decline" | "undo";

export function decideReview(api: Api, id: string, decision: Decision): Promise<{ marked: Mark[] }> {
  const answer = v.object({ marked: markedSchema });
  return api.send({ method: "POST", path: `/api/reviews/${encodeURIComponent(id)}/${decision}`, answer });
}

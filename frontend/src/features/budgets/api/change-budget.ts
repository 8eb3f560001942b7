import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import { type Mark, markedSchema } from "@/lib/live/versions";

export function changeBudget(api: Api, id: string, limit: string): Promise<{ marked: Mark[] }> {
  const answer = v.object({ marked: markedSchema });
  return api.send({ method: "PATCH", path: `/api/budgets/${encodeURIComponent(id)}`, body: { limit }, answer });
}

import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import { type Mark, markedSchema } from "@/lib/live/versions";

export function deleteBudget(api: Api, id: string): Promise<{ marked: Mark[] }> {
  const answer = v.object({ marked: markedSchema });
  return api.send({ method: "DELETE", path: `/api/budgets/${encodeURIComponent(id)}`, answer });
}

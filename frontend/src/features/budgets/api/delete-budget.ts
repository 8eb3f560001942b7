import * as v from "valibot";

import { budgetsAt } from "@/features/budgets/place";
import type { Api } from "@/lib/api/client";
import { type Mark, markedSchema } from "@/lib/live/versions";

export function deleteBudget(api: Api, household: string | null, id: string): Promise<{ marked: Mark[] }> {
  const answer = v.object({ marked: markedSchema });
  return api.send({ method: "DELETE", path: `${budgetsAt(household)}/${encodeURIComponent(id)}`, answer });
}

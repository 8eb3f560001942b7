import * as v from "valibot";

import { budgetsAt } from "@/features/budgets/place";
import type { Api } from "@/lib/api/client";
import { type Mark, markedSchema } from "@/lib/live/versions";

export function changeBudget(
  api: Api,
  household: string | null,
  id: string,
  limit: string,
): Promise<{ marked: Mark[] }> {
  const answer = v.object({ marked: markedSchema });
  return api.send({
    method: "PATCH",
    path: `${budgetsAt(household)}/${encodeURIComponent(id)}`,
    body: { limit },
    answer,
  });
}

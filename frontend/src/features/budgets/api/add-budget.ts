import * as v from "valibot";

import { budgetsAt } from "@/features/budgets/place";
import type { Api } from "@/lib/api/client";
import { type Mark, markedSchema } from "@/lib/live/versions";
import type { Month } from "@/lib/months";

export interface NewBudget {
  readonly categoryId: string;
  readonly currency: string;
  readonly limit: string;
  readonly startsMonth: Month;
}

export function addBudget(
  api: Api,
  household: string | null,
  budget: NewBudget,
  idempotencyKey: string,
): Promise<{ marked: Mark[] }> {
  const answer = v.object({ marked: markedSchema });
  return api.send({ method: "POST", path: budgetsAt(household), body: budget, idempotencyKey, answer });
}

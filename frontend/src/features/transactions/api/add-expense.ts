import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import { type Mark, markedSchema } from "@/lib/live/versions";

export interface NewExpense {
  /** Exact, as text. */
  readonly amount: string;
  readonly currency: string;
  readonly date: string;
  readonly name: string;
  readonly categoryId: string;
  readonly note?: string;
}

export function addExpense(api: Api, expense: NewExpense, idempotencyKey: string): Promise<{ marked: Mark[] }> {
  const answer = v.object({ marked: markedSchema });
  return api.send({ method: "POST", path: "/api/transactions", body: expense, idempotencyKey, answer });
}

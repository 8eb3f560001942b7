import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import { type Mark, markedSchema } from "@/lib/live/versions";

export function restoreExpense(api: Api, id: string): Promise<{ marked: Mark[] }> {
  const answer = v.object({ marked: markedSchema });
  return api.send({ method: "POST", path: `/api/transactions/${encodeURIComponent(id)}/restore`, answer });
}

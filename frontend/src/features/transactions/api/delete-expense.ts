import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import { type Mark, markedSchema } from "@/lib/live/versions";

/** Only expenses added by hand can be deleted; the API keeps them, to be restored. */
export function deleteExpense(api: Api, id: string): Promise<{ marked: Mark[] }> {
  const answer = v.object({ marked: markedSchema });
  return api.send({ method: "DELETE", path: `/api/transactions/${encodeURIComponent(id)}`, answer });
}

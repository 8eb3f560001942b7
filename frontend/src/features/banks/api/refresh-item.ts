import * as v from "valibot";

import type { Api } from "@/lib/api/client";

/** Wants news of a bank now. `asked`: the bank itself was asked too; what it has comes by itself, later. */
export function refreshItem(api: Api, itemId: string): Promise<{ asked: boolean }> {
  const path = `/api/items/${encodeURIComponent(itemId)}/refresh`;
  return api.send({ method: "POST", path, answer: v.object({ asked: v.boolean() }) });
}

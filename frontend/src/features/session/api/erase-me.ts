import * as v from "valibot";

import type { Api } from "@/lib/api/client";

/** Has everything of the person erased; from the answer on every request of theirs is refused. */
export function eraseMe(api: Api): Promise<unknown> {
  return api.send({ method: "DELETE", path: "/api/me", answer: v.object({ erasure: v.string() }) });
}

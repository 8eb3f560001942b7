import * as v from "valibot";

import type { Api } from "@/lib/api/client";

export interface Shares {
  readonly everything: boolean;
  readonly accounts: readonly string[];
}

/** Says what to show there from now on, and nothing else. */
export function share(api: Api, household: string, shares: Shares) {
  const path = `/api/households/${encodeURIComponent(household)}/shares`;
  return api.send({ method: "PUT", path, body: shares, answer: v.unknown() });
}

import * as v from "valibot";

import type { Api } from "@/lib/api/client";

/** Ends the household for everybody. */
export function dissolveHousehold(api: Api, household: string) {
  const path = `/api/households/${encodeURIComponent(household)}`;
  return api.send({ method: "DELETE", path, answer: v.unknown() });
}

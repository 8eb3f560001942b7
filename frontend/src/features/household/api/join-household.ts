import * as v from "valibot";

import { type Household, householdSchema } from "@/features/household/api/list-households";
import type { Api } from "@/lib/api/client";

/** Joins by an invitation's code. Twice is safe. */
export async function joinHousehold(api: Api, code: string): Promise<Household> {
  const answer = v.object({ household: householdSchema });
  return (await api.send({ method: "POST", path: "/api/households/join", body: { code }, answer })).household;
}

import * as v from "valibot";

import { type Household, householdSchema } from "@/features/household/api/list-households";
import type { Api } from "@/lib/api/client";

/** Makes a household; whoever makes it owns it and shows nothing yet. */
export async function createHousehold(api: Api, name: string, idempotencyKey: string): Promise<Household> {
  const answer = v.object({ household: householdSchema });
  const made = await api.send({ method: "POST", path: "/api/households", body: { name }, idempotencyKey, answer });
  return made.household;
}

import * as v from "valibot";

import type { Api } from "@/lib/api/client";

export function renameHousehold(api: Api, household: string, name: string) {
  const path = `/api/households/${encodeURIComponent(household)}`;
  return api.send({ method: "PATCH", path, body: { name }, answer: v.unknown() });
}

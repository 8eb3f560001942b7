import * as v from "valibot";

import type { Api } from "@/lib/api/client";

/** Leaves, or as an owner takes a member out. */
export function removeMember(api: Api, household: string, member: string) {
  const path = `/api/households/${encodeURIComponent(household)}/members/${encodeURIComponent(member)}`;
  return api.send({ method: "DELETE", path, answer: v.unknown() });
}

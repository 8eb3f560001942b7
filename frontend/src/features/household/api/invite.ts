import * as v from "valibot";

import type { Api } from "@/lib/api/client";

const answerSchema = v.object({ code: v.string(), expiresAt: v.string() });

export type Invitation = v.InferOutput<typeof answerSchema>;

/** A code that lets one person in, told this once. Every call makes another. */
export function invite(api: Api, household: string): Promise<Invitation> {
  const path = `/api/households/${encodeURIComponent(household)}/invitations`;
  return api.send({ method: "POST", path, answer: answerSchema });
}

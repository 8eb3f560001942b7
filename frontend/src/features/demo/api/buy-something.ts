import * as v from "valibot";

import { ApiError } from "@/lib/api/errors";

const answerSchema = v.looseObject({ name: v.optional(v.string()), description: v.optional(v.string()) });

/** Asks the local bank, and nobody else, to post a purchase on one of the person's accounts. */
export async function buySomething(bankUrl: string, user: string): Promise<string | null> {
  const answer = await fetch(`${bankUrl}/_local/purchases`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user }),
  }).catch(() => {
    throw new ApiError(0, "unreachable", "The local bank does not answer", "");
  });
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw new ApiError(answer.status, "local-bank", "The local bank refused", refusal(body));
  const bought = v.safeParse(answerSchema, body);
  return bought.success ? (bought.output.description ?? bought.output.name ?? null) : null;
}

function refusal(body: unknown): string {
  const parsed = v.safeParse(v.looseObject({ error_message: v.string() }), body);
  return parsed.success ? parsed.output.error_message : "The local bank posted nothing. Link a bank first.";
}

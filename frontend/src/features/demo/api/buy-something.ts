import * as v from "valibot";

import { ApiError } from "@/lib/api/errors";

const boughtSchema = v.object({
  transaction: v.object({ name: v.string(), merchant_name: v.optional(v.nullable(v.string()), null) }),
});
const refusalSchema = v.object({ error_code: v.string(), error_message: v.string() });

/** Asks the local bank, and nobody else, to post a purchase on one of the person's accounts; answers what was bought. */
export async function buySomething(bankUrl: string, user: string): Promise<string | null> {
  const answer = await fetch(`${bankUrl}/_local/purchases`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user }),
  }).catch(() => {
    throw new ApiError(0, "unreachable", "The local bank does not answer", "");
  });
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw refusal(body);
  const bought = v.safeParse(boughtSchema, body);
  return bought.success ? (bought.output.transaction.merchant_name ?? bought.output.transaction.name) : null;
}

function refusal(body: unknown): ApiError {
  const parsed = v.safeParse(refusalSchema, body);
  if (!parsed.success) return new ApiError(400, "local-bank", "The local bank refused.", "");
  const { error_code: code, error_message: message } = parsed.output;
  return new ApiError(400, code, code === "NOT_FOUND" ? "Link a bank first, then buy something there." : message, "");
}

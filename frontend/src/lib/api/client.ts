/**
 * The one way to the API: adds the ID token, checks the shape of each answer, turns problem+json into ApiError.
 * A refused token is fetched anew once. Every write may be sent twice: PUT, PATCH and DELETE by nature,
 * creating POSTs by their Idempotency-Key.
 */
import * as v from "valibot";

import { ApiError } from "@/lib/api/errors";

/** Linking a bank waits for the bank; everything else answers in milliseconds. */
const PATIENCE_MS = 60_000;

export type TokenSource = (refresh: boolean) => Promise<string>;

export interface Call<T> {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
  readonly answer: v.GenericSchema<unknown, T>;
}

const problemSchema = v.object({
  code: v.optional(v.string(), "unknown"),
  title: v.optional(v.string(), ""),
  detail: v.optional(v.nullable(v.string()), ""),
  itemId: v.optional(v.nullable(v.string()), null),
});

export class Api {
  constructor(private readonly token: TokenSource) {}

  /** Throws ApiError when the answer is not a success, is not understood, or never comes. */
  async send<T>(call: Call<T>): Promise<T> {
    let answer = await this.attempt(call, false);
    if (answer.status === 401) answer = await this.attempt(call, true);
    if (!answer.ok) throw await problem(answer);
    const parsed = v.safeParse(call.answer, answer.status === 204 ? null : await readJson(answer));
    if (parsed.success) return parsed.output;
    throw new ApiError(502, "unreadable-answer", "The answer was not understood", v.summarize(parsed.issues));
  }

  private async attempt(call: Call<unknown>, refresh: boolean): Promise<Response> {
    try {
      return await fetch(call.path, {
        method: call.method,
        headers: await this.headers(call, refresh),
        body: call.body === undefined ? null : JSON.stringify(call.body),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
    } catch (error) {
      throw new ApiError(0, "unreachable", "No answer", error instanceof Error ? error.message : "");
    }
  }

  private async headers(call: Call<unknown>, refresh: boolean): Promise<Record<string, string>> {
    return {
      Authorization: `Bearer ${await this.token(refresh)}`,
      ...(call.body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(call.idempotencyKey === undefined ? {} : { "Idempotency-Key": call.idempotencyKey }),
    };
  }
}

async function problem(answer: Response): Promise<ApiError> {
  const parsed = v.safeParse(problemSchema, await readJson(answer));
  if (!parsed.success) return new ApiError(answer.status, "unknown", answer.statusText, "");
  const { code, title, detail, itemId } = parsed.output;
  return new ApiError(answer.status, code, title, detail ?? "", itemId, retryAfter(answer));
}

/** Our API tells seconds; a date, which HTTP allows too, is passed over. */
function retryAfter(answer: Response): number | null {
  const told = answer.headers.get("Retry-After") ?? "";
  return /^\d{1,6}$/.test(told) ? Number(told) : null;
}

async function readJson(answer: Response): Promise<unknown> {
  try {
    return await answer.json();
  } catch {
    return null;
  }
}

/** An answer of the API that is not a success, or no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    /** The bank that an error is about, where it names one. */
    readonly itemId: string | null = null,
    /** Seconds until it may work, where the answer says. */
    readonly retryAfter: number | null = null,
  ) {
    super(`${code}: ${detail || title}`);
  }

  /** Worth sending again unchanged: nobody answered, or the server said that it is its own trouble. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Nobody answered: the edit may wait on this device instead. What was answered is never sent another way. */
export function unreachable(error: unknown): boolean {
  if (error instanceof ApiError) return [0, 502, 503, 504].includes(error.status);
  return !navigator.onLine || (error as { code?: unknown } | null)?.code === "auth/network-request-failed";
}

/** Plaid's limits, told by Plaid or kept by the API itself. */
const LIMITED: readonly string[] = ["plaid-paced", "plaid-rate-limited"];

/** What went wrong and what to do about it, for a person. */
export function inWords(error: unknown): string {
  if (!(error instanceof ApiError)) return "Something unexpected happened. Reload the page and try again.";
  if (error.status === 0) return "Livespend cannot be reached. Check your connection and try again.";
  if (error.status === 401) return "Your sign-in has ended. Sign out, then sign in again.";
  if (error.status === 429) return "That was a little fast. Wait a moment and try again.";
  if (LIMITED.includes(error.code)) {
    const later = error.retryAfter === null ? "a minute" : `${error.retryAfter} s`;
    return `Plaid has been asked often enough for now. Try again in ${later}.`;
  }
  if (error.status >= 500) return "Livespend has trouble right now. Your data is safe; try again in a minute.";
  return error.detail || error.title;
}

/**
 * One use of Plaid Link. Kept in the tab's storage, because on a phone the bank's own sign-in replaces the page:
 * when it comes back (oauth_state_id in the address), Link goes on with the very same token.
 */
import * as v from "valibot";

export interface LinkAttempt {
  readonly token: string;
  /** The item to repair; null for a new bank. */
  readonly itemId: string | null;
}

const KEY = "livespend:link";
const schema = v.object({ token: v.string(), itemId: v.nullable(v.string()) });

export function keep(attempt: LinkAttempt): void {
  sessionStorage.setItem(KEY, JSON.stringify(attempt));
}

export function forget(): void {
  sessionStorage.removeItem(KEY);
  const url = new URL(window.location.href);
  if (!url.searchParams.has("oauth_state_id")) return;
  url.searchParams.delete("oauth_state_id");
  window.history.replaceState(null, "", url);
}

export function cameBackFromBank(): boolean {
  return new URLSearchParams(window.location.search).has("oauth_state_id");
}

/** The attempt that a bank's own page interrupted, if this is the return from it. */
export function interrupted(): LinkAttempt | null {
  const kept = sessionStorage.getItem(KEY);
  if (kept === null || !cameBackFromBank()) return null;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), kept);
  return parsed.success ? parsed.output : null;
}

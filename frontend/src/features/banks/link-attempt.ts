/**
 * One use of Plaid Link. Kept by the browser, because on a phone the bank's own sign-in replaces the page, or comes
 * back in another tab: then (oauth_state_id in the address) Link goes on with the very same token.
 */
import * as v from "valibot";

import * as storage from "@/lib/kept";

export interface LinkAttempt {
  readonly token: string;
  /** Until when the token opens Link, in milliseconds. */
  readonly expires: number;
  /** The item to repair; null for a new bank. */
  readonly itemId: string | null;
}

const NAME = "link";
const schema = v.object({ token: v.string(), expires: v.number(), itemId: v.nullable(v.string()), uid: v.string() });

export function keep(attempt: LinkAttempt, uid: string): void {
  storage.keep(NAME, JSON.stringify({ ...attempt, uid }));
}

export function forget(): void {
  storage.forget(NAME);
  const url = new URL(window.location.href);
  if (!url.searchParams.has("oauth_state_id")) return;
  url.searchParams.delete("oauth_state_id");
  window.history.replaceState(null, "", url);
}

export function cameBackFromBank(): boolean {
  return new URLSearchParams(window.location.search).has("oauth_state_id");
}

/** The attempt that a bank's own page interrupted, if this is this person's return from it and not too late. */
export function interrupted(uid: string): LinkAttempt | null {
  if (!cameBackFromBank()) return null;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), storage.kept(NAME));
  if (!parsed.success || parsed.output.uid !== uid || parsed.output.expires <= Date.now()) {
    forget();
    return null;
  }
  const { token, expires, itemId } = parsed.output;
  return { token, expires, itemId };
}

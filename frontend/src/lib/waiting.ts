/**
 * Edits that wait on this device, kept for each person apart (live/intents.ts sends them). A sign-out that nobody asked
 * for leaves them where they are, for the same person's next sign-in; one that was asked for drops its person's.
 */
import { useSyncExternalStore } from "react";

import { forget, forgetAll, kept, keptNames } from "@/lib/kept";

const PREFIX = "intents:";

/** The name under which a person's waiting edits are kept. */
export function waitingFor(uid: string): string {
  return PREFIX + uid;
}

/** Forgets all that is kept here; waiting edits only of who asked to leave (null: nobody did). */
export function forgetOnSignOut(asked: string | null): void {
  forgetAll((name) => name.startsWith(PREFIX) && (asked === null || name !== waitingFor(asked)));
}

/** How many edits wait here for somebody to sign in again. */
export function useWaitingEdits(): number {
  return useSyncExternalStore(onChange, count);
}

/** Throws away what waits here, of everybody. */
export function dropWaitingEdits(): void {
  for (const name of keptNames()) if (name.startsWith(PREFIX)) forget(name);
  window.dispatchEvent(new Event("storage"));
}

function count(): number {
  return keptNames()
    .filter((name) => name.startsWith(PREFIX))
    .reduce((sum, name) => sum + entriesOf(kept(name)), 0);
}

function entriesOf(written: string | null): number {
  try {
    const { entries } = JSON.parse(written ?? "{}") as { entries?: unknown };
    return Array.isArray(entries) ? entries.length : 0;
  } catch {
    return 0;
  }
}

/** Other tabs tell by themselves; this one says so where it writes. */
function onChange(changed: () => void): () => void {
  window.addEventListener("storage", changed);
  return () => window.removeEventListener("storage", changed);
}

/**
 * Who is signed in, and their live connection, for the whole page.
 *
 * Follows Firebase Auth. Each person gets a fresh LiveSession, opened when they sign in and closed (terminated and
 * cleared) before the next one opens. The Firestore SDK is loaded with the first sign-in, not before.
 */
import type { FirebaseApp } from "firebase/app";
import { type Auth, onAuthStateChanged, signOut, type User } from "firebase/auth";
import { createStore, type StoreApi } from "zustand/vanilla";

import type { LiveSession } from "@/lib/live/session";
import { forgetOnSignOut } from "@/lib/waiting";

export type SessionState =
  | { readonly status: "starting" }
  /** `unasked`: the sign-in was ended elsewhere while the page was open. */
  | { readonly status: "signed-out"; readonly unasked: boolean }
  | { readonly status: "failed" }
  | { readonly status: "signed-in"; readonly user: User; readonly live: LiveSession };

export interface Session {
  readonly auth: Auth;
  readonly state: StoreApi<SessionState>;
  signOut(): Promise<void>;
}

export function startSession(app: FirebaseApp, auth: Auth, firestoreHost: string | null): Session {
  const state = createStore<SessionState>(() => ({ status: "starting" }));
  let turn: Promise<void> = Promise.resolve();
  let asked: string | null = null;
  onAuthStateChanged(auth, (user) => {
    turn = turn.then(() => follow(user)).catch(() => state.setState({ status: "failed" }, true));
  });

  async function follow(user: User | null): Promise<void> {
    const before = state.getState();
    if (before.status === "signed-in" && before.user.uid === user?.uid) return;
    const leaver = before.status === "signed-in" ? before.user.uid : null;
    const unasked = leaver !== null && asked !== leaver;
    state.setState(user === null ? { status: "signed-out", unasked } : { status: "starting" }, true);
    if (before.status === "signed-in") await before.live.close(unasked);
    if (user === null) {
      forgetOnSignOut(unasked ? null : leaver);
      asked = null;
      return;
    }
    const { LiveSession } = await import("@/lib/live/session");
    state.setState({ status: "signed-in", user, live: new LiveSession(app, firestoreHost, user.uid) }, true);
  }

  async function leave(): Promise<void> {
    asked = auth.currentUser?.uid ?? null;
    await signOut(auth);
  }

  return { auth, state, signOut: leave };
}

/**
 * Who is signed in, and their live connection, for the whole page.
 *
 * Follows Firebase Auth. Each person gets a fresh LiveSession, opened when they sign in and closed (terminated and
 * cleared) before the next one opens. The Firestore SDK is loaded with the first sign-in, not before.
 */
import type { FirebaseApp } from "firebase/app";
import { type Auth, onAuthStateChanged, signOut, type User } from "firebase/auth";
import { createStore, type StoreApi } from "zustand/vanilla";

import { forgetAll } from "@/lib/kept";
import type { LiveSession } from "@/lib/live/session";

export type SessionState =
  | { readonly status: "starting" }
  | { readonly status: "signed-out" }
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
  onAuthStateChanged(auth, (user) => {
    turn = turn.then(() => follow(user)).catch(() => state.setState({ status: "failed" }, true));
  });

  async function follow(user: User | null): Promise<void> {
    const before = state.getState();
    if (before.status === "signed-in" && before.user.uid === user?.uid) return;
    state.setState(user === null ? { status: "signed-out" } : { status: "starting" }, true);
    if (before.status === "signed-in") await before.live.close();
    if (user === null) {
      forgetAll();
      return;
    }
    const { LiveSession } = await import("@/lib/live/session");
    state.setState({ status: "signed-in", user, live: new LiveSession(app, firestoreHost, user.uid) }, true);
  }

  return { auth, state, signOut: () => signOut(auth) };
}

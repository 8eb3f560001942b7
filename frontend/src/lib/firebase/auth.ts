/** Sign-in through Firebase Auth, or its local stand-in when the settings name one. */
import { type FirebaseApp, initializeApp } from "firebase/app";
import {
  type Auth,
  browserLocalPersistence,
  connectAuthEmulator,
  indexedDBLocalPersistence,
  initializeAuth,
} from "firebase/auth";

import type { Config } from "@/lib/config";

/** Without a popup resolver: that one loads scripts from another host, and only signing in with Google needs it. */
export function connectAuth(config: Config): { app: FirebaseApp; auth: Auth } {
  const app = initializeApp(config.firebase);
  const auth = initializeAuth(app, { persistence: [indexedDBLocalPersistence, browserLocalPersistence] });
  if (config.authUrl !== null) connectAuthEmulator(auth, config.authUrl, { disableWarnings: true });
  return { app, auth };
}

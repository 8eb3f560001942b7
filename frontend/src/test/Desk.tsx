import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { User } from "firebase/auth";
import { type ReactNode, useState } from "react";

import { Api } from "@/lib/api/client";
import type { LiveSession } from "@/lib/live/session";
import { applyEvent, createLiveStore, type LiveEvent, type LiveStore } from "@/lib/live/store";
import { ServicesContext } from "@/lib/services";

export const UID = "u";

export interface DeskProps {
  store: LiveStore;
  children: ReactNode;
  /** Edits that wait on this device. */
  unsent?: number;
  user?: Partial<User>;
}

/** Somebody signed in, with the real store and the real API client; only Firestore's listeners are missing. */
export function Desk({ store, children, unsent = 0, user = {} }: DeskProps) {
  const [queries] = useState(() => new QueryClient());
  const [services] = useState(() => ({
    config: {
      firebase: { apiKey: "k", projectId: "p", authDomain: "d" },
      firestoreHost: null,
      authUrl: null,
      bankUrl: null,
      linkShimUrl: null,
      release: null,
    },
    api: new Api(() => Promise.resolve("token")),
    user: { uid: UID, providerData: [], ...user } as unknown as User,
    live: {
      uid: UID,
      intents: { holds: () => false, keeps: () => false, unsent: () => unsent, leave: () => Promise.resolve() },
      store,
      watchShared: () => () => undefined,
      watchHousehold: () => () => undefined,
      documentPath: (name: string, id: string) => `users/${UID}/${name}/${id}`,
      report: (event: LiveEvent) => store.setState((state) => applyEvent(state, event, UID)),
    } as unknown as LiveSession,
  }));
  return (
    <MantineProvider env="test">
      <Notifications />
      <QueryClientProvider client={queries}>
        <ServicesContext value={services}>{children}</ServicesContext>
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** A store that already shows these documents. */
export function storeWith(event: LiveEvent): LiveStore {
  const store = createLiveStore();
  store.setState((state) => applyEvent(state, event, UID));
  return store;
}

import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo } from "react";
import { useStore } from "zustand";

import { Broken } from "@/app/Broken";
import { createQueryClient } from "@/app/query-client";
import { Waiting } from "@/app/Waiting";
import { putProfile } from "@/features/session/api/put-profile";
import { SignIn } from "@/features/session/components/SignIn";
import { Api } from "@/lib/api/client";
import type { Config } from "@/lib/config";
import { ServicesContext } from "@/lib/services";
import type { Session, SessionState } from "@/lib/session";

const Home = lazy(async () => ({ default: (await import("@/app/Home")).Home }));

export interface AppProps {
  config: Config;
  session: Session;
}

/** Toasts, and whether somebody is signed in. */
export function App({ config, session }: AppProps) {
  return (
    <>
      <Notifications position="top-center" limit={4} />
      <Gate config={config} session={session} />
    </>
  );
}

function Gate({ config, session }: AppProps) {
  const state = useStore(session.state);
  const api = useMemo(() => new Api((refresh) => idToken(session, refresh)), [session]);
  switch (state.status) {
    case "starting":
      return <Waiting />;
    case "failed":
      return <Broken detail="The part of the page that reads your data did not load." />;
    case "signed-out":
      return (
        <SignIn
          auth={session.auth}
          withGoogle={config.authUrl === null}
          signedOut={state.unasked}
          onNamed={(name) => putProfile(api, name)}
        />
      );
    case "signed-in":
      return (
        <SignedIn
          key={state.user.uid}
          config={config}
          api={api}
          state={state}
          onSignOut={() => void session.signOut()}
        />
      );
  }
}

interface SignedInProps {
  config: Config;
  api: Api;
  state: Extract<SessionState, { status: "signed-in" }>;
  onSignOut: () => void;
}

/** The query cache lives as long as the sign-in: the next person starts with nothing of this one. */
function SignedIn({ config, api, state: { user, live }, onSignOut }: SignedInProps) {
  const queries = useMemo(() => createQueryClient(), []);
  const services = useMemo(() => ({ config, api, user, live }), [config, api, user, live]);
  useEffect(() => () => queries.clear(), [queries]);
  return (
    <QueryClientProvider client={queries}>
      <ServicesContext value={services}>
        <Suspense fallback={<Waiting />}>
          <Home onSignOut={onSignOut} />
        </Suspense>
      </ServicesContext>
    </QueryClientProvider>
  );
}

async function idToken(session: Session, refresh: boolean): Promise<string> {
  const user = session.auth.currentUser;
  if (user === null) throw new Error("Nobody is signed in");
  return user.getIdToken(refresh);
}

/** Reads the settings, prepares what has to be there before React, then mounts the page. */
import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "@/app/page.css";

import { MantineProvider } from "@mantine/core";
import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "@/app/App";
import { Broken } from "@/app/Broken";
import { ErrorBoundary } from "@/app/ErrorBoundary";
import { theme } from "@/app/theme";
import { readConfig } from "@/lib/config";
import { connectAuth } from "@/lib/firebase/auth";
import { installLinkShim } from "@/lib/link-shim";
import { startSession } from "@/lib/session";

async function start(): Promise<ReactNode> {
  const config = await readConfig();
  // Without its bank the demo still shows what it has; linking then says that the bank does not answer.
  if (config.linkShimUrl !== null) await installLinkShim(config.linkShimUrl).catch(() => undefined);
  const { app, auth } = connectAuth(config);
  return <App config={config} session={startSession(app, auth, config.firestoreHost)} />;
}

function mount(page: ReactNode): void {
  const root = document.getElementById("root");
  if (root === null) throw new Error("index.html has no #root");
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto">
        <ErrorBoundary>{page}</ErrorBoundary>
      </MantineProvider>
    </StrictMode>,
  );
}

start().then(mount, () => mount(<Broken detail="Its server did not answer as it should." />));

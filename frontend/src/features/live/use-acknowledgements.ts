import { useEffect } from "react";

import { acknowledge } from "@/features/live/api/acknowledge";
import { useServices } from "@/lib/services";

/** By then the ledger knows of the commit, and a burst is one request. */
const GATHER_MS = 2_000;
const AT_ONCE = 100;
const OLDEST_MS = 600_000;

/** Tells the server which changes this screen has shown, so that each can be followed to the end. Never in the way. */
export function useAcknowledgements(): void {
  const { api, live } = useServices();
  useEffect(() => {
    const screen = crypto.randomUUID();
    let quickest = Infinity;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tell = async () => {
      timer = undefined;
      const now = performance.now();
      const versions = live.shown.take().filter(({ receivedAt }) => now - receivedAt < OLDEST_MS);
      for (const household of new Set(versions.map((one) => one.household))) {
        const theirs = versions.filter((one) => one.household === household).slice(-AT_ONCE);
        const began = performance.now();
        try {
          await acknowledge(api, screen, Number.isFinite(quickest) ? quickest : 0, household, theirs);
          quickest = Math.min(quickest, performance.now() - began);
        } catch {
          // Only a measurement is lost.
        }
      }
    };
    const end = live.shown.listen(() => {
      timer ??= setTimeout(() => void tell(), GATHER_MS);
    });
    return () => {
      end();
      clearTimeout(timer);
    };
  }, [api, live]);
}

import { useSyncExternalStore } from "react";

import { type Connection, useTopic } from "@/lib/live/hooks";

/** Live: Firestore vouches for what is shown. Offline: this is what was last known. */
export function useConnection(): Connection {
  const head = useTopic("head");
  const online = useSyncExternalStore(onOnlineChange, () => navigator.onLine);
  if (!online || head.stale) return "offline";
  return head.settled ? "live" : "connecting";
}

function onOnlineChange(changed: () => void): () => void {
  window.addEventListener("online", changed);
  window.addEventListener("offline", changed);
  return () => {
    window.removeEventListener("online", changed);
    window.removeEventListener("offline", changed);
  };
}

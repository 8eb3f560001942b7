/** One value in the address bar, so that a reload or a shared link shows the same thing. */
import { useCallback, useSyncExternalStore } from "react";

const CHANGED = "livespend:address";

export function useSearchParam(name: string): [string | null, (value: string | null) => void] {
  const value = useSyncExternalStore(listen, () => new URLSearchParams(window.location.search).get(name));
  const change = useCallback(
    (next: string | null) => {
      const url = new URL(window.location.href);
      if (next === null) url.searchParams.delete(name);
      else url.searchParams.set(name, next);
      window.history.pushState(null, "", url);
      window.dispatchEvent(new Event(CHANGED));
    },
    [name],
  );
  return [value, change];
}

function listen(changed: () => void): () => void {
  window.addEventListener("popstate", changed);
  window.addEventListener(CHANGED, changed);
  return () => {
    window.removeEventListener("popstate", changed);
    window.removeEventListener(CHANGED, changed);
  };
}

/** What a household shows, as its listeners bring it: nothing here is edited, so there are no guesses. */
import { useEffect, useState } from "react";

import type { LiveDocument } from "@/lib/live/topics";
import type { Month } from "@/lib/months";
import { useServices } from "@/lib/services";

export const SHARED_KINDS = ["months", "members", "categories", "budgets", "transactions"] as const;
export type SharedKind = (typeof SHARED_KINDS)[number];

export interface Shared {
  readonly documents: readonly LiveDocument[];
  readonly settled: boolean;
  /** Firestore lets only members in: whoever was taken out is told so while they look. */
  readonly refused: boolean;
  /** How many documents there are at most; null for all. */
  readonly limit: number | null;
}

export const NOTHING_SHARED: Shared = { documents: [], settled: false, refused: false, limit: null };

/** A household's documents of one kind; of transactions those of a month, and none without one. */
export function useShared(household: string, kind: SharedKind, month: Month = ""): Shared {
  const { live } = useServices();
  const [shared, report] = useState(NOTHING_SHARED);
  useEffect(() => {
    const close = live.watchShared(household, kind, month, report);
    return () => {
      close();
      report(NOTHING_SHARED);
    };
  }, [live, household, kind, month]);
  return shared;
}

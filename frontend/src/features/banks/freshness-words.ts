import type { Item } from "@/lib/documents";
import { ago, since } from "@/lib/moments";

/** How old what a bank brought is, in a sentence; a freshness that this page does not know says only the time. */
export function freshnessWords(item: Item, now: Date, locale?: string): string {
  const updated = item.bankUpdatedAt?.toDate() ?? null;
  const changed = item.changedAt?.toDate() ?? null;
  switch (item.freshness) {
    case "quiet": {
      const nothing = changed === null ? "Nothing yet" : `Quiet: nothing new since ${since(changed, now, locale)}`;
      return updated === null ? nothing : `${nothing}. The bank was reached ${ago(updated, now, locale)}`;
    }
    case "stale":
      return updated === null
        ? "Stale: nothing could be fetched yet. Livespend keeps trying"
        : `Stale: nothing could be fetched since ${since(updated, now, locale)}. Livespend keeps trying`;
    case "broken":
      return updated === null ? "Nothing was fetched yet" : `What you see was fetched ${ago(updated, now, locale)}`;
    default:
      return updated === null ? "Waiting for the bank's first data" : `Updated ${ago(updated, now, locale)}`;
  }
}

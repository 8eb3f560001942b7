import { useState } from "react";

import { useListedTransactions } from "@/features/transactions/api/list-transactions";
import { merged, type Row, rowOf, rowOfListed } from "@/features/transactions/rows";
import type { MonthTotals } from "@/lib/documents";
import { type Read, useMonthPage } from "@/lib/live/hooks";
import { versionText } from "@/lib/live/versions";
import type { Month } from "@/lib/months";
import { useServices } from "@/lib/services";

const PAGE = 100;
/** The rules allow no longer list; what a month has beyond it comes from the API. */
const MOST_LIVE = 500;

export interface MonthRows {
  readonly rows: readonly Row[];
  readonly settled: boolean;
  readonly failed: boolean;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  readonly showMore: () => void;
}

/** A month's rows, newest first. `archived`: the month is older than what is mirrored as documents. */
export function useMonthRows(month: Month, totals: Read<MonthTotals> | undefined, archived: boolean): MonthRows {
  const { live } = useServices();
  const [size, setSize] = useState(PAGE);
  const count = totals?.data.count ?? 0;
  const page = useMonthPage(archived ? null : month, size);
  const overflows = !archived && size >= MOST_LIVE && count > MOST_LIVE;
  const version = totals === undefined ? "" : versionText(totals.data.version);
  const listing = useListedTransactions(month, version, archived || overflows);

  const liveRows = page.documents.map(rowOf);
  const listed = (listing.data?.pages ?? []).flatMap((one) => one.transactions);
  const listedRows = listed.map((one) => rowOfListed(one, live.documentPath("transactions", one.id)));
  const viaApi = archived || overflows;
  return {
    rows: viaApi ? merged(liveRows, listedRows) : liveRows,
    settled: archived ? !listing.isPending : page.settled,
    failed: archived ? listing.isError : page.refused !== null,
    hasMore: viaApi ? listing.hasNextPage : liveRows.length < count && liveRows.length >= size,
    loadingMore: listing.isFetchingNextPage || (!archived && liveRows.length < Math.min(size - PAGE, count)),
    showMore: () => {
      if (viaApi) void listing.fetchNextPage();
      else setSize(Math.min(size + PAGE, MOST_LIVE));
    },
  };
}

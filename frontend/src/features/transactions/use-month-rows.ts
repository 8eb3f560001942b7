import { useEffect, useState } from "react";

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
  const [beyond, setBeyond] = useState(false);
  const count = totals === undefined ? 0 : totals.data.count + totals.data.expiredCount;
  const live = useLiveRows(archived ? null : month, count, () => setBeyond(true));
  const listed = useListedRows(month, totals, live.rows, archived || beyond);
  return archived || beyond ? { ...listed, settled: archived ? listed.settled : live.settled } : live;
}

function useLiveRows(month: Month | null, count: number, goBeyond: () => void): MonthRows {
  const [size, setSize] = useState(PAGE);
  const page = useMonthPage(month, size);
  const rows = page.documents.map(rowOf);
  const widening = size > PAGE && rows.length <= size - PAGE;
  return {
    rows,
    settled: page.settled,
    failed: page.refused !== null,
    hasMore: rows.length < count && (rows.length >= size || widening),
    loadingMore: widening,
    showMore: () => (size < MOST_LIVE ? setSize(size + PAGE) : goBeyond()),
  };
}

/** Live rows and then what the API lists; pages that only repeat live rows are passed over. */
function useListedRows(
  month: Month,
  totals: Read<MonthTotals> | undefined,
  liveRows: readonly Row[],
  enabled: boolean,
): MonthRows {
  const { live } = useServices();
  const version = totals === undefined ? "" : versionText(totals.data.version);
  const listing = useListedTransactions(month, version, enabled);
  const { hasNextPage, isFetching, fetchNextPage } = listing;
  const listed = (listing.data?.pages ?? []).flatMap((one) => one.transactions);
  const rows = merged(
    liveRows,
    listed.map((one) => rowOfListed(one, live.documentPath("transactions", one.id))),
  );
  const onlyRepeats = enabled && listed.length > 0 && rows.length === liveRows.length;
  useEffect(() => {
    if (onlyRepeats && hasNextPage && !isFetching) void fetchNextPage();
  }, [onlyRepeats, hasNextPage, isFetching, fetchNextPage]);
  return {
    rows,
    settled: !listing.isPending,
    failed: listing.isError,
    hasMore: hasNextPage || listing.isPending,
    loadingMore: isFetching,
    showMore: () => void fetchNextPage(),
  };
}

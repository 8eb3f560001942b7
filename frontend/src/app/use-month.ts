import { headSchema, monthSchema, type MonthTotals } from "@/lib/documents";
import { type Read, useDocuments } from "@/lib/live/hooks";
import { isMonth, type Month, monthOf } from "@/lib/months";
import { useSearchParam } from "@/lib/search-params";

export interface ShownMonth {
  readonly month: Month;
  readonly current: Month;
  readonly known: readonly Month[];
  /** Undefined for a month in which nothing happened. */
  readonly totals: Read<MonthTotals> | undefined;
  readonly settled: boolean;
  /** Older than what is mirrored as single documents. */
  readonly archived: boolean;
  readonly choose: (month: Month) => void;
}

/** Which month is shown (the address says so, else the current one) and its totals. */
export function useMonth(): ShownMonth {
  const [asked, ask] = useSearchParam("month");
  const months = useDocuments("months", monthSchema);
  const firstMonth = useDocuments("head", headSchema).documents[0]?.data.window.firstMonth ?? null;
  const current = monthOf(new Date());
  const month = isMonth(asked) ? asked : current;
  return {
    month,
    current,
    known: months.documents.map(({ id }) => id),
    totals: months.documents.find(({ id }) => id === month),
    settled: months.settled,
    archived: firstMonth !== null && month < firstMonth,
    choose: (next) => ask(next === current ? null : next),
  };
}

/** Holds what a page shows of a month against the month's receipt. Pure but for the hashing. */
import { daysOf, digestOfDay, digestOfTotals, type ReceiptRow } from "@/features/receipt/receipt";
import type { MonthTotals } from "@/lib/documents";

/** A row on the screen; without a transaction it is one that cannot be shown. */
export interface ShownRow {
  readonly id: string;
  readonly date: string | null;
  readonly transaction: Omit<ReceiptRow, "id"> | null;
}

export interface Verdict {
  /** Unknown: there is nothing to hold it against. */
  readonly state: "verified" | "differs" | "unknown";
  /** Days that differ, yyyy-mm-dd, and whether the totals do. */
  readonly days: readonly string[];
  readonly totals: boolean;
  /** How many rows were verified, of how many that the month has. */
  readonly rows: number;
  readonly of: number;
}

/** `limit`: the page lists no more rows than these; what is older may then be cut off. */
export async function judge(month: MonthTotals, rows: readonly ShownRow[], limit: number): Promise<Verdict> {
  const of = month.count + month.expiredCount;
  const { receipt } = month;
  if (receipt?.days === undefined || receipt.days === null || !month.complete) {
    return { state: "unknown", days: [], totals: false, rows: 0, of };
  }
  const expected = new Map([...daysOf(receipt.days)].map(([day, digest]) => [`${month.month}-${day}`, digest]));
  const shown = byDay(rows, (row) => row.date);
  const judged = [...new Set([...expected.keys(), ...shown.keys()])].filter((day) => day !== null);
  const cut = rows.length < limit ? "" : (rows.at(-1)?.date ?? "9999");
  // A stand-in of a row that cannot even be read stands on the first of its month, wherever its own day is.
  const blind = rows.some(({ date, transaction }) => transaction === null && (date?.endsWith("-01") ?? true));
  const days: string[] = [];
  let verified = 0;
  for (const day of judged) {
    const there = shown.get(day) ?? [];
    if (day <= cut || blind || there.some((row) => row.transaction === null)) continue;
    if ((await digestOf(there)) === expected.get(day)) verified += there.length;
    else days.push(day);
  }
  const totals = (await digestOfTotals(month)) !== receipt.totals;
  return { state: days.length > 0 || totals ? "differs" : "verified", days, totals, rows: verified, of };
}

/** Rows by day, in the order they come. */
export function byDay<R, D>(rows: readonly R[], dayOf: (row: R) => D): Map<D, R[]> {
  const days = new Map<D, R[]>();
  for (const row of rows) days.set(dayOf(row), [...(days.get(dayOf(row)) ?? []), row]);
  return days;
}

async function digestOf(rows: readonly ShownRow[]): Promise<string | undefined> {
  if (rows.length === 0) return undefined;
  return digestOfDay(rows.flatMap(({ id, transaction }) => (transaction === null ? [] : [{ ...transaction, id }])));
}

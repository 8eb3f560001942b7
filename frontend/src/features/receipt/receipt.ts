/**
 * The screen receipt: digests over what the page shows of a month, in the form that docs/documents.md describes.
 * sync/mirror/receipts.py makes the same ones from the ledger's rows; tests/data/receipts.json holds both to it.
 */
import type { MonthTotals, Split } from "@/lib/documents";

/** What a receipt covers of a transaction. */
export interface ReceiptRow {
  readonly id: string;
  readonly date: string;
  readonly name: string;
  readonly merchantName: string | null;
  readonly amount: string;
  readonly currency: string | null;
  readonly unofficialCurrency: string | null;
  readonly categoryId: string;
  readonly pending: boolean;
  readonly expired: boolean;
  readonly splits: readonly Split[];
}

export type ReceiptTotals = Pick<
  MonthTotals,
  "month" | "currencies" | "unofficial" | "count" | "pendingCount" | "expiredCount" | "budgets"
>;

const UNIT = "\u001f";

/** The digest of one day's rows, in whatever order they come. */
export function digestOfDay(rows: readonly ReceiptRow[]): Promise<string> {
  const lines = rows.toSorted((one, other) => (one.id < other.id ? -1 : 1)).map(lineOf);
  return digest(lines.join("\n"));
}

/** The digest of a month's totals and budgets. */
export function digestOfTotals(totals: ReceiptTotals): Promise<string> {
  return digest(
    linesOf(totals)
      .map((line) => line.join(UNIT))
      .sort()
      .join("\n"),
  );
}

/** `05:0123456789abcdef 07:…` as a map from the day of the month to its digest. */
export function daysOf(receipt: string): ReadonlyMap<string, string> {
  return new Map(receipt.split(" ").map((day) => [day.slice(0, 2), day.slice(3)]));
}

function lineOf(row: ReceiptRow): string {
  const parts = row.splits.map(({ categoryId, amount }) => `${categoryId} ${amount}`).sort();
  const { id, name, merchantName, amount, currency, unofficialCurrency, categoryId, pending, expired } = row;
  const fields = [id, name, merchantName ?? "", amount, currency ?? "", unofficialCurrency ?? "", categoryId];
  return [...fields, truth(pending), truth(expired), ...parts].join(UNIT);
}

function truth(value: boolean): string {
  return value ? "1" : "0";
}

function linesOf(totals: ReceiptTotals): (string | number)[][] {
  const { month, count, pendingCount, expiredCount, currencies, unofficial, budgets } = totals;
  return [
    ["month", month, count, pendingCount, expiredCount],
    ...Object.entries(currencies).flatMap(([iso, one]) => [
      ["currency", iso, one.spend, one.spendMinor, one.count, one.pendingCount],
      ...categoriesOf("categories", iso, one.categories),
      ...categoriesOf("outside", iso, one.outside),
    ]),
    ...Object.entries(unofficial).map(([code, one]) => ["unofficial", code, one.spend, one.count]),
    ...budgets.map((one) => [
      ...["budget", one.budgetId, one.categoryId, one.currency],
      ...[one.limit, one.limitMinor, one.spent, one.spentMinor],
    ]),
  ];
}

function categoriesOf(kind: string, iso: string, categories: MonthTotals["currencies"][string]["categories"]) {
  return Object.entries(categories).map(([id, one]) => [kind, iso, id, one.amount, one.minor, one.count]);
}

async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

import type { CategoryTotal, CurrencyTotals, MonthTotals } from "@/lib/documents";

export interface Ranked {
  readonly categoryId: string;
  readonly total: CategoryTotal;
}

/** Most expensive first; what brought money in comes last. */
export function ranked(totals: Readonly<Record<string, CategoryTotal>>): Ranked[] {
  return Object.entries(totals)
    .map(([categoryId, total]) => ({ categoryId, total }))
    .sort((a, b) => b.total.minor - a.total.minor || a.categoryId.localeCompare(b.categoryId));
}

/** The currency used most stands first. */
export function currenciesOf(month: MonthTotals): [string, CurrencyTotals][] {
  return Object.entries(month.currencies).sort(([a, one], [b, two]) => two.count - one.count || a.localeCompare(b));
}

export function transactionCount(count: number): string {
  return count === 1 ? "1 transaction" : `${count} transactions`;
}

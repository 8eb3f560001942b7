import type { Budget, BudgetProgress, MonthTotals } from "@/lib/documents";
import type { Read } from "@/lib/live/hooks";
import type { Month } from "@/lib/months";

/** A month's budgets with what was spent; a month without a document has its budgets too, and nothing spent. */
export function budgetsIn(
  month: Month,
  totals: MonthTotals | undefined,
  budgets: readonly Read<Budget>[],
): readonly BudgetProgress[] {
  if (totals !== undefined) return totals.budgets;
  return budgets
    .filter(({ data }) => data.startsMonth <= month)
    .map(({ id, data }) => ({ ...data, budgetId: id, spentMinor: 0, spent: "0" }));
}

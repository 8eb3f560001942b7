import { expect, test } from "vitest";

import { budgetsIn } from "@/features/budgets/progress";
import type { Budget } from "@/lib/documents";
import type { Read } from "@/lib/live/hooks";

const budget: Read<Budget> = {
  path: "users/u/budgets/b",
  id: "b",
  data: {
    version: { epoch: 1, number: 1 },
    categoryId: "TRAVEL",
    currency: "EUR",
    limitMinor: 5000,
    limit: "50",
    startsMonth: "2026-10",
  },
};

test("a month in which nothing happened has its budgets, and nothing spent", () => {
  expect(budgetsIn("2026-11", undefined, [budget])).toMatchObject([
    { budgetId: "b", spent: "0", spentMinor: 0, limit: "50" },
  ]);
});

test("a budget does not reach back before its first month", () => {
  expect(budgetsIn("2026-09", undefined, [budget])).toEqual([]);
});

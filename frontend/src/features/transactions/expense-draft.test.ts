import { expect, test } from "vitest";

import { checkDraft, type ExpenseDraft } from "@/features/transactions/expense-draft";

const draft: ExpenseDraft = {
  amount: "12.30",
  currency: "USD",
  date: "2026-11-20",
  name: " Market ",
  categoryId: "OTHER",
  note: " ",
};

test("a good draft becomes an expense with its exact amount and without an empty note", () => {
  expect(checkDraft(draft, "en-US")).toEqual({
    expense: { amount: "12.3", currency: "USD", date: "2026-11-20", name: "Market", categoryId: "OTHER" },
  });
});

test("every field that is wrong is named at once", () => {
  const checked = checkDraft({ ...draft, amount: "1.2.3", name: " ", date: "", categoryId: null }, "en-US");
  expect(Object.keys("problems" in checked ? checked.problems : {})).toEqual(["amount", "name", "date", "categoryId"]);
});

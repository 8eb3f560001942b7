import { expect, test } from "vitest";

import { checkDraft, type ExpenseDraft, latestDay } from "@/features/transactions/expense-draft";

const draft: ExpenseDraft = {
  amount: "12.30",
  currency: "USD",
  date: "2020-11-20",
  name: " Market ",
  categoryId: "OTHER",
  note: " ",
};

test("a good draft becomes an expense with its exact amount and without an empty note", () => {
  expect(checkDraft(draft, "en-US")).toEqual({
    expense: { amount: "12.3", currency: "USD", date: "2020-11-20", name: "Market", categoryId: "OTHER" },
  });
});

test("every field that is wrong is named at once", () => {
  const checked = checkDraft({ ...draft, amount: "1.2.3", name: " ", date: "", categoryId: null }, "en-US");
  expect(Object.keys("problems" in checked ? checked.problems : {})).toEqual(["amount", "name", "date", "categoryId"]);
});

test.each(["1969-12-31", "9999-12-31", "0001-01-01", "275760-09-13"])(
  "the day %s is none that the ledger takes",
  (date) => {
    expect(checkDraft({ ...draft, date }, "en-US")).toHaveProperty("problems.date");
  },
);

test("a day at most a year ahead is taken", () => {
  expect(latestDay(new Date(2027, 1, 28))).toBe("2028-02-28");
  expect(checkDraft({ ...draft, date: latestDay() }, "en-US")).toHaveProperty("expense");
});

import { expect, test } from "vitest";

import { byDay, merged, type Row, rowOf } from "@/features/transactions/rows";

const TRANSACTION = {
  version: { epoch: 1, number: 3 },
  month: "2026-11",
  date: "2026-11-20",
  name: "COFFEE 123",
  amount: "4.5",
  amountMinor: 450,
  currency: "USD",
  currencyDigits: 2,
  categoryId: "FOOD_AND_DRINK",
  categoryOwner: "bank",
  pending: true,
  source: "bank",
};

const document = (data: unknown) => ({ path: "users/u/transactions/a", id: "a", data });
const row = (path: string, date: string): Row => ({ path, id: path, date, version: null, transaction: null });

test("a document becomes a row once, and stays the same row while it is the same document", () => {
  const one = document(TRANSACTION);
  expect(rowOf(one)).toBe(rowOf(one));
  expect(rowOf(one).transaction).toMatchObject({ amount: "4.5", note: null, unofficialCurrency: null });
});

test("what the mirror could not write, and what this page does not understand, is a row that says so", () => {
  const parked = document({ version: { epoch: 1, number: 4 }, unshowable: true, month: "2026-11" });
  expect(rowOf(parked)).toMatchObject({ transaction: null, version: { number: 4 }, date: null });
  expect(rowOf(document({ ...TRANSACTION, amount: 4.5 }))).toMatchObject({ transaction: null, date: "2026-11-20" });
});

test("days keep the order of the rows, hide deletions on their way, and vanish when empty", () => {
  const rows = [row("a", "2026-11-20"), row("b", "2026-11-20"), row("c", "2026-11-19")];
  expect(byDay(rows, ["c"]).map(({ date, rows }) => [date, rows.map(({ path }) => path)])).toEqual([
    ["2026-11-20", ["a", "b"]],
  ]);
});

test("a row that is live and listed is shown once, as it is live", () => {
  const live = row("a", "2026-11-20");
  expect(merged([live], [row("a", "2026-11-20"), row("b", "2026-11-02")])).toEqual([live, row("b", "2026-11-02")]);
});

import { describe, expect, it } from "vitest";

// eslint-disable-next-line no-restricted-imports -- the examples that the ledger is held to as well
import vectors from "../../../../tests/data/receipts.json";
import { byDay, judge, type ShownRow } from "@/features/receipt/judge";
import { digestOfDay, digestOfTotals, type ReceiptRow, type ReceiptTotals } from "@/features/receipt/receipt";
import type { MonthTotals } from "@/lib/documents";

const row = (id: string, date: string, changed: Partial<ReceiptRow> = {}): ReceiptRow => ({
  ...{ id, date, name: "Coffee", merchantName: null, amount: "4.5", currency: "USD", unofficialCurrency: null },
  ...{ categoryId: "FOOD_AND_DRINK", pending: false, expired: false, splits: [], ...changed },
});

const shown = (transaction: ReceiptRow): ShownRow => ({ id: transaction.id, date: transaction.date, transaction });

async function receiptOf(rows: readonly ReceiptRow[]): Promise<string> {
  const days = [...byDay(rows, (one) => one.date.slice(8))].sort();
  const digests = await Promise.all(days.map(async ([day, there]) => `${day}:${await digestOfDay(there)}`));
  return digests.join(" ");
}

async function monthOf(rows: readonly ReceiptRow[], changed: Partial<MonthTotals> = {}): Promise<MonthTotals> {
  const totals: ReceiptTotals = {
    ...{ month: "2026-11", currencies: {}, unofficial: {}, count: rows.length, pendingCount: 0 },
    ...{ expiredCount: 0, budgets: [] },
  };
  return {
    ...{ ...totals, version: { epoch: 1, number: 1 }, inWindow: true, complete: true, reflectsAt: null },
    receipt: { days: await receiptOf(rows), totals: await digestOfTotals(totals) },
    ...changed,
  };
}

const ROWS = [row("c", "2026-11-09"), row("b", "2026-11-05"), row("a", "2026-11-05"), row("d", "2026-11-02")];

describe("the examples that ledger and page share", () => {
  it.each(vectors.days)("days: $name", async ({ rows, receipt }) => {
    expect(await receiptOf(rows)).toBe(receipt);
  });

  it.each(vectors.totals)("totals: $name", async ({ month, receipt }) => {
    expect(await digestOfTotals(month as unknown as ReceiptTotals)).toBe(receipt);
  });
});

describe("judging a page", () => {
  it("verifies a whole month", async () => {
    expect(await judge(await monthOf(ROWS), ROWS.map(shown), 100)).toEqual({
      ...{ state: "verified", days: [], totals: false, rows: 4, of: 4 },
    });
  });

  it("names the day of a row that shows another amount", async () => {
    const page = ROWS.map((one) => shown(one.id === "b" ? { ...one, amount: "5.5" } : one));
    expect(await judge(await monthOf(ROWS), page, 100)).toMatchObject({
      state: "differs",
      days: ["2026-11-05"],
      rows: 2,
    });
  });

  it("misses a row that is not there, and a day that has none left", async () => {
    const month = await monthOf(ROWS);
    expect(await judge(month, ROWS.slice(1).map(shown), 100)).toMatchObject({ state: "differs", days: ["2026-11-09"] });
  });

  it("finds a row that the ledger does not have", async () => {
    const page = [shown(row("x", "2026-11-20")), ...ROWS.map(shown)];
    expect(await judge(await monthOf(ROWS), page, 100)).toMatchObject({ state: "differs", days: ["2026-11-20"] });
  });

  it("does not judge the last day of a page that is full", async () => {
    const page = ROWS.slice(0, 2).map(shown);
    expect(await judge(await monthOf(ROWS), page, 2)).toMatchObject({ state: "verified", rows: 1, of: 4 });
  });

  it("does not judge a day with a row that cannot be shown", async () => {
    const page = ROWS.map((one) => (one.id === "b" ? { ...shown(one), transaction: null } : shown(one)));
    expect(await judge(await monthOf(ROWS), page, 100)).toMatchObject({ state: "verified", rows: 2, of: 4 });
  });

  it.each([null, "2026-11-01"])("judges no day beside a row whose day is not known: %s", async (date) => {
    const page = [{ id: "x", date, transaction: null }, ...ROWS.map(shown)];
    expect(await judge(await monthOf(ROWS), page, 100)).toMatchObject({ state: "verified", rows: 0, of: 4 });
  });

  it("finds totals that are not those of the receipt", async () => {
    const month = await monthOf(ROWS);
    expect(await judge({ ...month, count: 5 }, ROWS.map(shown), 100)).toMatchObject({ state: "differs", totals: true });
  });

  it.each<Partial<MonthTotals>>([{ complete: false }, { receipt: null }, { receipt: { days: null, totals: "" } }])(
    "says nothing of a month with %o",
    async (changed) => {
      expect((await judge(await monthOf(ROWS, changed), ROWS.map(shown), 100)).state).toBe("unknown");
    },
  );
});

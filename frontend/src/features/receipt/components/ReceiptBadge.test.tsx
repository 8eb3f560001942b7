import { act, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { OwnReceiptBadge, ReceiptBadge } from "@/features/receipt/components/ReceiptBadge";
import { digestOfDay, digestOfTotals } from "@/features/receipt/receipt";
import { type MonthTotals, transactionSchema } from "@/lib/documents";
import { applyEvent, createLiveStore, type LiveStore } from "@/lib/live/store";
import { transactionsOf } from "@/lib/live/topics";
import type { Month } from "@/lib/months";
import { Desk, UID } from "@/test/Desk";
import * as v from "valibot";

const MONTH = "2026-11" as Month;
const VERSION = { epoch: 1, number: 1 };
const ROW = {
  ...{ version: VERSION, month: MONTH, date: "2026-11-05", name: "Coffee", amount: "4.5", currency: "USD" },
  ...{ categoryId: "OTHER", categoryOwner: "bank", pending: false, source: "bank" },
};

async function monthOf(amount: string): Promise<MonthTotals> {
  const row = v.parse(transactionSchema, { ...ROW, amount });
  const totals = {
    month: MONTH,
    currencies: {},
    unofficial: {},
    count: 1,
    pendingCount: 0,
    expiredCount: 0,
    budgets: [],
  };
  const receipt = { days: `05:${await digestOfDay([{ ...row, id: "a" }])}`, totals: await digestOfTotals(totals) };
  return { ...totals, version: VERSION, receipt, inWindow: true, complete: true, reflectsAt: null };
}

/** A month with one row of 4.5, and somebody looking at it. */
function storeWithRow(stale = false): LiveStore {
  const store = createLiveStore();
  const documents = [{ path: `users/${UID}/transactions/a`, id: "a", data: ROW }];
  const head = { documents: [], changed: new Set<string>(), stale };
  store.setState((state) => applyEvent(state, { type: "snapshot", topic: "head", snapshot: head }, UID));
  const snapshot = { documents, changed: new Set([documents[0]?.path ?? ""]), stale, limit: 100 };
  store.setState((state) => applyEvent(state, { type: "snapshot", topic: transactionsOf(MONTH), snapshot }, UID));
  return store;
}

async function look(store: LiveStore, data: MonthTotals, ms: number) {
  const totals = { path: `users/${UID}/months/${MONTH}`, id: MONTH, data };
  render(
    <Desk store={store}>
      <OwnReceiptBadge month={MONTH} totals={totals} />
    </Desk>,
  );
  await pass(ms);
}

/** Lets time pass; hashing is not on the timers' clock. */
async function pass(ms: number) {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(ms);
    for (let turn = 0; turn < 5; turn++) await crypto.subtle.digest("SHA-256", new Uint8Array());
    await vi.advanceTimersByTimeAsync(0);
  });
}

const answers = vi.fn(() => Promise.resolve(new Response(JSON.stringify({ documents: 2 }))));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.stubGlobal("fetch", answers);
  answers.mockClear();
});
afterEach(() => {
  vi.useRealTimers();
});

it("says when the month was verified, a moment after everything came to rest", async () => {
  const month = await monthOf("4.5");
  await look(storeWithRow(), month, 299);
  expect(screen.queryByText(/Verified/)).toBeNull();
  await pass(1);
  expect(screen.getByText(/^Verified \d\d:\d\d:\d\d$/)).toBeVisible();
  expect(answers).not.toHaveBeenCalled();
});

it("asks for a repair of what differs for long, and says so", async () => {
  const month = await monthOf("9.99");
  await look(storeWithRow(), month, 400);
  expect(answers).not.toHaveBeenCalled();
  await pass(3_000);
  expect(screen.getByText(/^Repairing since/)).toBeVisible();
  const [path, request] = answers.mock.calls[0] as unknown as [string, { body: string }];
  expect(path).toBe("/api/repairs");
  expect(JSON.parse(request.body)).toEqual({ month: MONTH, days: ["2026-11-05"], shown: ["a"] });
});

it("judges nothing that Firestore does not vouch for", async () => {
  const month = await monthOf("9.99");
  await look(storeWithRow(true), month, 10_000);
  expect(screen.queryByText(/Verified|Repairing/)).toBeNull();
  expect(answers).not.toHaveBeenCalled();
});

it("judges nothing while an edit is on its way", async () => {
  const store = storeWithRow();
  store.setState((state) => applyEvent(state, { type: "guessed", id: "g", path: null, change: {} }, UID));
  await look(store, await monthOf("9.99"), 10_000);
  expect(answers).not.toHaveBeenCalled();
});

it("judges a household's month by what its members show, and asks for the household's repair", async () => {
  const data = { ...ROW, memberId: "bob" };
  const path = `households/h/months/${MONTH}`;
  const shown = async (amount: string) => ({
    ...{ month: MONTH, totals: { path, id: MONTH, data: await monthOf(amount) }, sure: true, limit: 500 },
    ...{ documents: [{ path: "households/h/transactions/a", id: "a", data }], household: "h" },
  });
  const store = storeWithRow();
  const whole = await shown("4.5");
  const { rerender } = render(<Desk store={store}>{<ReceiptBadge shown={whole} />}</Desk>);
  await pass(300);
  expect(screen.getByText(/^Verified/)).toBeVisible();
  const other = await shown("9.99");
  rerender(<Desk store={store}>{<ReceiptBadge shown={other} />}</Desk>);
  await pass(400);
  await pass(3_000);
  const [, request] = answers.mock.calls[0] as unknown as [string, { body: string }];
  expect(JSON.parse(request.body)).toMatchObject({ household: "h", days: ["2026-11-05"], shown: ["a"] });
});

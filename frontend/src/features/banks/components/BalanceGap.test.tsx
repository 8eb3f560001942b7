import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import * as v from "valibot";
import { expect, test } from "vitest";

import { AccountLine } from "@/features/banks/components/AccountLine";
import { accountSchema } from "@/lib/documents";
import { applyEvent, createLiveStore, type LiveEvent, type LiveStore } from "@/lib/live/store";
import { Desk, UID } from "@/test/Desk";

const PATH = `users/${UID}/accounts/a1`;

function draw(store: LiveStore, fields: object = {}) {
  const account = v.parse(accountSchema, {
    version: { epoch: 1, number: 1 },
    itemId: "i1",
    name: "Checking",
    type: "depository",
    currency: "USD",
    currencyDigits: 2,
    current: "100",
    closed: false,
    balanceState: "gap",
    gap: "12.4",
    gapSince: "2026-11-03",
    gapReason: "counted-but-not-moved",
    gapLikely: ["t1", "t2"],
    ...fields,
  });
  render(
    <Desk store={store}>
      <ul>
        <AccountLine account={account} path={PATH} />
      </ul>
    </Desk>,
  );
}

function listed(id: string, fields: object): LiveEvent {
  const data = {
    version: { epoch: 1, number: 1 },
    month: "2026-11",
    date: "2026-11-03",
    name: "POS 4711 REFUND",
    amount: "-12.4",
    currency: "USD",
    currencyDigits: 2,
    categoryId: "OTHER",
    categoryOwner: "bank",
    pending: false,
    source: "bank",
    ...fields,
  };
  const path = `users/${UID}/transactions/${id}`;
  const snapshot = { documents: [{ path, id, data }], changed: new Set([path]), stale: false };
  return { type: "snapshot", topic: "transactions/2026-11", snapshot };
}

function tell(store: LiveStore, event: LiveEvent) {
  act(() => store.setState((state) => applyEvent(state, event, UID)));
}

const line = () => screen.queryByRole("button", { name: /unexplained since/ });

async function open() {
  await userEvent.click(screen.getByRole("button", { name: /\$12\.40 unexplained since/ }));
  return within(await screen.findByRole("dialog"));
}

test("a gap opens to the transactions to look at; one that is not on the screen is an older one", async () => {
  const store = createLiveStore();
  tell(store, listed("t1", { merchantName: "Corner Shop" }));
  draw(store);

  const dialog = await open();

  expect(dialog.getByText(/^\$12\.40 went out since/)).toBeInTheDocument();
  expect(dialog.getByText("These are in the list, but the balance did not move:")).toBeInTheDocument();
  const rows = dialog.getAllByRole("listitem").map((row) => row.textContent);
  expect(rows).toEqual(["Corner Shopmoney in +$12.40", "an older transaction"]);
});

test("a transaction that comes on the screen is named while one looks", async () => {
  const store = createLiveStore();
  draw(store, { gapLikely: ["t1"] });
  const dialog = await open();
  expect(dialog.getByText("an older transaction")).toBeInTheDocument();

  tell(store, listed("t1", {}));

  expect(dialog.getByText("POS 4711 REFUND")).toBeInTheDocument();
  expect(dialog.queryByText("an older transaction")).toBeNull();
});

test("where nothing explains a gap, no list stands there", async () => {
  draw(createLiveStore(), { gapReason: "missing-row", gapLikely: [] });
  const dialog = await open();
  expect(dialog.getByText(/Nothing here explains it/)).toBeInTheDocument();
  expect(dialog.queryByRole("list")).toBeNull();
});

test("Escape closes it, and the focus is where it was", async () => {
  draw(createLiveStore());
  await open();
  await waitFor(() => expect(screen.getByRole("dialog")).toHaveFocus());

  await userEvent.keyboard("{Escape}");

  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  await waitFor(() => expect(line()).toHaveFocus());
});

test.each([
  ["balances", { balanceState: "balanced", gap: null }],
  ["is closed", { closed: true }],
])("an account that %s says nothing of a gap", (_, fields) => {
  draw(createLiveStore(), fields);
  expect(screen.getByText("Checking")).toBeInTheDocument();
  expect(line()).toBeNull();
});

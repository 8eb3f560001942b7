import { act, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";

import { TransactionRow } from "@/features/transactions/components/TransactionRow";
import { rowOf } from "@/features/transactions/rows";
import { applyEvent, type LiveEvent, type LiveStore } from "@/lib/live/store";
import { transactionsOf } from "@/lib/live/topics";
import { Desk, storeWith, UID } from "@/test/Desk";

const PATH = `users/${UID}/transactions/a`;
const network = vi.fn<typeof fetch>();
const answer = (status: number, body: unknown) => Promise.resolve(new Response(JSON.stringify(body), { status }));
const LIST = {
  categories: [
    { id: "FOOD_AND_DRINK", name: "Food", own: false, excluded: false },
    { id: "TRAVEL", name: "Travel", own: false, excluded: false },
    { id: "MEDICAL", name: "Medical", own: false, excluded: false },
  ],
};

function document(number: number, fields: object = {}) {
  const data = {
    version: { epoch: 1, number },
    month: "2026-11",
    date: "2026-11-20",
    name: "MARKET 0042",
    amount: "100",
    amountMinor: 10000,
    currency: "USD",
    currencyDigits: 2,
    categoryId: "FOOD_AND_DRINK",
    categoryOwner: "bank",
    pending: false,
    source: "bank",
    ...fields,
  };
  return { path: PATH, id: "a", data };
}

function snapshot(shown: ReturnType<typeof document>): LiveEvent {
  const arrived = { documents: [shown], changed: new Set([PATH]), stale: false };
  return { type: "snapshot", topic: transactionsOf("2026-11"), snapshot: arrived };
}

function draw(shown: ReturnType<typeof document>): LiveStore {
  const store = storeWith(snapshot(shown));
  render(
    <Desk store={store}>
      <TransactionRow row={rowOf(shown)} accountName="Checking" onDelete={() => undefined} />
    </Desk>,
  );
  return store;
}

/** What was sent: method, path and body of every request that is no reading. */
function sent(): unknown[] {
  return network.mock.calls.flatMap(([path, init]) =>
    init?.method === "GET" ? [] : [[init?.method, path, JSON.parse(init?.body as string) as unknown]],
  );
}

async function openSplits() {
  await userEvent.click(screen.getByRole("button", { name: "More for MARKET 0042" }));
  await userEvent.click(await screen.findByRole("menuitem", { name: "Split into parts" }));
  return screen.findByRole("dialog", { name: "Split into parts" });
}

async function fill(dialog: HTMLElement, place: number, category: string, amount: string) {
  await userEvent.click(within(dialog).getByRole("combobox", { name: `Category of part ${place}` }));
  await userEvent.click(await screen.findByRole("option", { name: category }));
  await userEvent.type(within(dialog).getByRole("textbox", { name: `Amount of part ${place}` }), amount);
}

beforeEach(() => {
  network.mockReset();
  vi.stubGlobal("fetch", network);
  network.mockImplementation((_path, init) =>
    init?.method === "GET"
      ? answer(200, LIST)
      : answer(200, { marked: [{ path: PATH, version: { epoch: 1, number: 2 } }] }),
  );
});

test("what is left is told while the parts are typed, and the parts show at once when saved", async () => {
  const store = draw(document(1));
  const dialog = await openSplits();
  expect(dialog).toHaveTextContent("Stays in Food $100.00");
  await fill(dialog, 1, "Travel", "30.10");
  expect(dialog).toHaveTextContent("Stays in Food $69.90");
  await userEvent.click(within(dialog).getByRole("button", { name: "Another part" }));
  await fill(dialog, 2, "Medical", "9.9");
  await userEvent.click(within(dialog).getByRole("button", { name: "Save parts" }));

  const splits = [
    { categoryId: "TRAVEL", amount: "30.1", note: null },
    { categoryId: "MEDICAL", amount: "9.9", note: null },
  ];
  expect(sent()).toEqual([["PUT", "/api/transactions/a/splits", { splits }]]);
  const fold = screen.getByRole("button", { name: "2 parts in other categories" });
  expect(fold).toHaveAttribute("aria-expanded", "false");
  await userEvent.click(fold);
  const lines = screen.getAllByRole("listitem").slice(1);
  expect(lines.map((line) => line.textContent)).toEqual(["Travel$30.10", "Medical$9.90", "FoodWhat is left$60.00"]);

  act(() => store.setState((state) => applyEvent(state, snapshot(document(2, { splits })), UID)));
  expect(store.getState().guesses).toEqual([]);
}, 20_000);

test("more than the amount is refused before it is sent, at its own line", async () => {
  draw(document(1));
  const dialog = await openSplits();
  await fill(dialog, 1, "Travel", "100.01");
  expect(dialog).toHaveTextContent("Too much by");
  await userEvent.click(within(dialog).getByRole("button", { name: "Save parts" }));
  expect(within(dialog).getByText("That is more than what is left.")).toBeInTheDocument();
  expect(within(dialog).getByRole("textbox", { name: "Amount of part 1" })).toHaveFocus();
  expect(sent()).toEqual([]);
});

test("parts can be joined together again", async () => {
  draw(document(1, { splits: [{ categoryId: "TRAVEL", amount: "30", note: "taxi" }] }));
  expect(screen.getByRole("button", { name: "1 part in another category" })).toBeInTheDocument();
  const dialog = await openSplits();
  expect(within(dialog).getByRole("textbox", { name: "Amount of part 1" })).toHaveValue("30");
  await userEvent.click(within(dialog).getByRole("button", { name: "Join together" }));
  expect(sent()).toEqual([["PUT", "/api/transactions/a/splits", { splits: [] }]]);
  expect(screen.queryByRole("button", { name: /in other categories|in another category/ })).toBeNull();
});

test("an amount that fell below its parts says so", () => {
  draw(document(1, { amount: "20", splits: [{ categoryId: "TRAVEL", amount: "30", note: null }] }));
  expect(screen.getByRole("listitem")).toHaveTextContent("Parts are more than the amount");
});

test("after a category was chosen, one click makes a rule of it", async () => {
  draw(document(1, { merchantName: "Market" }));
  await userEvent.click(screen.getByRole("button", { name: /^Category of Market/ }));
  await userEvent.click(await screen.findByRole("option", { name: "Travel" }));
  expect(await screen.findByText("Always put Market into Travel?")).toBeInTheDocument();
  network.mockImplementation(() => answer(201, { rule: {}, changed: 3, applying: false, marked: [] }));
  await userEvent.click(screen.getByRole("button", { name: "Always" }));
  expect(sent().at(-1)).toEqual([
    "POST",
    "/api/rules",
    { nameText: "Market", categoryId: "TRAVEL", nameMatch: "equals" },
  ]);
  expect(await screen.findByText(/3 transactions follow it so far/)).toBeInTheDocument();
});

test("a category that a rule chose says so", async () => {
  draw(document(1, { categoryId: "TRAVEL", categoryOwner: "rule" }));
  expect(
    await screen.findByRole("button", { name: "Category of MARKET 0042: Travel, by a rule. Change" }),
  ).toBeInTheDocument();
});

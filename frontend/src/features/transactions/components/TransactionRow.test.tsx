import { notifications } from "@mantine/notifications";
import { act, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";

import { TransactionRow } from "@/features/transactions/components/TransactionRow";
import { rowOf } from "@/features/transactions/rows";
import { applyEvent, type LiveEvent, type LiveStore } from "@/lib/live/store";
import { transactionsOf } from "@/lib/live/topics";
import { Desk, storeWith, UID } from "@/test/Desk";

const PATH = `users/${UID}/transactions/a`;
const network = vi.fn<typeof fetch>();

function document(number: number, fields: object = {}) {
  const data = {
    version: { epoch: 1, number },
    month: "2026-11",
    date: "2026-11-20",
    name: "BLUE BOTTLE 0042",
    merchantName: "Blue Bottle",
    amount: "4.5",
    amountMinor: 450,
    currency: "USD",
    currencyDigits: 2,
    categoryId: "FOOD_AND_DRINK",
    categoryOwner: "bank",
    pending: true,
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

async function choose(category: string) {
  await userEvent.click(screen.getByRole("button", { name: /^Category of Blue Bottle/ }));
  await userEvent.click(await screen.findByRole("option", { name: category }));
}

const answer = (status: number, body: unknown) => Promise.resolve(new Response(JSON.stringify(body), { status }));
const LIST = {
  categories: [
    { id: "FOOD_AND_DRINK", name: "Food", own: false, excluded: false },
    { id: "TRAVEL", name: "Travel", own: false, excluded: false },
  ],
};

/** Answers the list of categories, and the edit as a test says. */
function serve(edit: () => Promise<Response>) {
  network.mockImplementation((_path, init) => (init?.method === "PATCH" ? edit() : answer(200, LIST)));
}

beforeEach(() => {
  notifications.clean();
  network.mockReset();
  vi.stubGlobal("fetch", network);
});

test("a chosen category shows at once and stays when its document arrives", async () => {
  const marked = [{ path: PATH, version: { epoch: 1, number: 2 } }];
  serve(() => answer(200, { marked }));
  const store = draw(document(1));
  await choose("Travel");
  expect(screen.getByRole("button", { name: "Category of Blue Bottle: Travel. Change" })).toBeInTheDocument();
  await vi.waitFor(() => expect(store.getState().guesses[0]?.awaits).toEqual({ epoch: 1, number: 2 }));
  act(() => store.setState((state) => applyEvent(state, snapshot(document(2, { categoryId: "TRAVEL" })), UID)));
  expect(store.getState().guesses).toEqual([]);
});

test("what is being typed is left alone while the row changes", async () => {
  serve(() => answer(500, {}));
  const store = draw(document(1));
  await userEvent.click(screen.getByRole("button", { name: /^Category of Blue Bottle/ }));
  const box = screen.getByRole("combobox");
  await userEvent.clear(box);
  await userEvent.type(box, "Tra");
  const change = { categoryId: "FOOD_AND_DRINK", note: "Written elsewhere" };
  act(() => store.setState((state) => applyEvent(state, { type: "guessed", id: "g", path: PATH, change }, UID)));
  expect(screen.getByText("Written elsewhere")).toBeInTheDocument();
  expect(box).toHaveValue("Tra");
});

test("a refused category goes back and says why", async () => {
  serve(() => answer(404, { code: "category-not-found", title: "Not found", detail: "This category was removed." }));
  draw(document(1));
  await choose("Travel");
  expect(await screen.findByText("This category was removed.")).toBeInTheDocument();
  expect(screen.getByRole("button", { name: "Category of Blue Bottle: Food. Change" })).toBeInTheDocument();
});

test("a pending row says so, and carries the path and version of its document", () => {
  serve(() => answer(500, {}));
  draw(document(7));
  const row = screen.getByRole("listitem");
  expect(row).toHaveTextContent("Pending");
  expect(row).toHaveTextContent("$4.50");
  expect([row.dataset["path"], row.dataset["version"]]).toEqual([PATH, "1.7"]);
});

test("a pending row that never posted says so", () => {
  serve(() => answer(500, {}));
  draw(document(7, { expired: true }));
  const row = screen.getByRole("listitem");
  expect(row).toHaveTextContent("Expired: never posted");
  expect(row).not.toHaveTextContent("Pending");
});

const REVIEW = {
  id: "r1",
  state: "open",
  otherEntryId: "b",
  name: "SHELL 123",
  amount: "40",
  currency: "USD",
  currencyDigits: 2,
  date: "2026-11-05",
};

/** Answers every decision as the API does, and remembers the paths. */
function decisions(): string[] {
  const paths: string[] = [];
  network.mockImplementation((path, init) => {
    if (init?.method !== "POST") return answer(200, LIST);
    paths.push(path as string);
    return answer(200, { marked: [{ path: PATH, version: { epoch: 1, number: 2 } }] });
  });
  return paths;
}

test.each([
  ["Same", "/api/reviews/r1/confirm"],
  ["Different", "/api/reviews/r1/decline"],
])("a dropped pending row is asked about, and the answer %s is sent", async (button, path) => {
  const paths = decisions();
  draw(document(1, { review: REVIEW }));
  const question = screen.getByRole("group", { name: "Question about Blue Bottle" });
  expect(question).toHaveTextContent(
    "The bank had “SHELL 123” $40.00 pending and posted “Blue Bottle”. The same payment?",
  );
  await userEvent.click(screen.getByRole("button", { name: button }));
  await vi.waitFor(() => expect(paths).toEqual([path]));
});

test("a declined question can be taken back for a while", async () => {
  const paths = decisions();
  draw(document(1, { review: REVIEW }));
  await userEvent.click(screen.getByRole("button", { name: "Different" }));
  await userEvent.click(await screen.findByRole("button", { name: "Undo" }));
  await vi.waitFor(() => expect(paths).toEqual(["/api/reviews/r1/decline", "/api/reviews/r1/undo"]));
});

test("joined rows say what they were and can be parted", async () => {
  const paths = decisions();
  draw(document(1, { review: { ...REVIEW, state: "confirmed" } }));
  expect(screen.getByRole("listitem")).toHaveTextContent("Was pending as “SHELL 123” $40.00.");
  await userEvent.click(screen.getByRole("button", { name: "Undo" }));
  await vi.waitFor(() => expect(paths).toEqual(["/api/reviews/r1/undo"]));
});

test("a transaction that the mirror could not write is named, not left out", () => {
  serve(() => answer(500, {}));
  const shown = { path: PATH, id: "a", data: { version: { epoch: 1, number: 3 }, unshowable: true, month: "2026-11" } };
  draw(shown as unknown as ReturnType<typeof document>);
  expect(screen.getByRole("listitem")).toHaveTextContent("This transaction cannot be shown");
});

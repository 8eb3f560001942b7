import { notifications } from "@mantine/notifications";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ItemCard } from "@/features/banks/components/ItemCard";
import type { Item } from "@/lib/documents";
import { createLiveStore } from "@/lib/live/store";
import { Desk, UID } from "@/test/Desk";

const network = vi.fn<typeof fetch>();
const answer = (status: number, body: object, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });

const BANK: Item = {
  version: { epoch: 1, number: 1 },
  institutionName: "First Platypus",
  status: "ok",
  errorCode: null,
  message: null,
  consentExpiresAt: null,
  freshness: "ok",
  bankUpdatedAt: null,
  changedAt: null,
};

function draw(fields: Partial<Item> = {}) {
  render(
    <Desk store={createLiveStore()}>
      <ul>
        <ItemCard
          item={{ path: `users/${UID}/items/i1`, id: "i1", data: { ...BANK, ...fields } }}
          accounts={[]}
          imported={null}
          busy={false}
          onRepair={vi.fn()}
          onChooseAccounts={vi.fn()}
        />
      </ul>
    </Desk>,
  );
}

async function openMenu() {
  await userEvent.click(screen.getByRole("button", { name: "More for First Platypus" }));
  await screen.findByRole("menuitem", { name: "Unlink this bank" });
}

async function checkNow() {
  await openMenu();
  await userEvent.click(screen.getByRole("menuitem", { name: "Check now" }));
}

beforeEach(() => {
  notifications.clean();
  network.mockReset();
  vi.stubGlobal("fetch", network);
});

afterEach(() => vi.unstubAllGlobals());

test.each([
  [true, "First Platypus is asked for news"],
  [false, "Looking for news from First Platypus"],
])("a bank is checked from its menu; asked itself: %s", async (asked, said) => {
  network.mockResolvedValue(answer(202, { asked }));
  draw();

  await checkNow();

  expect(await screen.findByText(said)).toBeInTheDocument();
  expect(network.mock.calls.map(([url, init]) => [url, init?.method])).toEqual([["/api/items/i1/refresh", "POST"]]);
});

test("a check that is running is not started again", async () => {
  let finish: (answer: Response) => void = () => undefined;
  network.mockReturnValue(new Promise((resolve) => (finish = resolve)));
  draw();
  await checkNow();
  await waitFor(() => expect(screen.queryByRole("menuitem")).toBeNull());

  await openMenu();
  expect(screen.getByRole("menuitem", { name: "Check now" })).toBeDisabled();

  finish(answer(202, { asked: false }));
  await waitFor(() => expect(screen.getByRole("menuitem", { name: "Check now" })).toBeEnabled());
  expect(network).toHaveBeenCalledOnce();
});

test.each(["plaid-paced", "plaid-rate-limited"])("a limit, %s, says when to come back", async (code) => {
  network.mockResolvedValue(answer(503, { code, title: "Later", detail: "" }, { "Retry-After": "30" }));
  draw();

  await checkNow();

  expect(await screen.findByText("First Platypus was not checked")).toBeInTheDocument();
  expect(screen.getByText(/Try again in 30 s/)).toBeInTheDocument();
});

test.each([
  ["asks for a sign-in", { status: "login_required", freshness: "broken" }],
  ["withdrew access", { status: "revoked" }],
  ["has trouble", { status: "error", freshness: "broken" }],
])("a bank that %s cannot be checked before it is mended", async (_, fields) => {
  draw(fields);
  await openMenu();
  expect(screen.queryByRole("menuitem", { name: "Check now" })).toBeNull();
});

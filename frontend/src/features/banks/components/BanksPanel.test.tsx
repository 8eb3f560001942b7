import { notifications } from "@mantine/notifications";
import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { BanksPanel } from "@/features/banks/components/BanksPanel";
import { Desk, storeWith, UID } from "@/test/Desk";

const SCRIPT = "https://cdn.plaid.com/link/v2/stable/link-initialize.js";
const LATER = "2999-01-01T00:00:00Z";

interface Handed {
  token: string;
  receivedRedirectUri?: string;
  onLoad?: () => void;
  onSuccess: (publicToken: string | null, metadata: object) => void;
  onExit: (error: object | null, metadata: object) => void;
}

const network = vi.fn<typeof fetch>();
const created: Handed[] = [];
const open = vi.fn();
const answers: Record<string, () => [number, object]> = {};

const answer = (status: number, body: object) => new Response(JSON.stringify(body), { status });
const opening = (more: object = {}) => ({
  sessionId: "s1",
  linkToken: "link-1",
  expiration: LATER,
  hostedLinkUrl: null,
  ...more,
});
const METADATA = {
  institution: { name: "First Platypus", institution_id: "ins_109508" },
  accounts: [{ id: "x", name: "Checking", mask: "0000", type: "depository", subtype: "checking", class_type: null }],
  link_session_id: "l",
};

function bank(fields: object = {}) {
  const data = {
    version: { epoch: 1, number: 1 },
    institutionName: "First Platypus",
    status: "ok",
    errorCode: null,
    message: null,
    consentExpiresAt: null,
    ...fields,
  };
  return { path: `users/${UID}/items/i1`, id: "i1", data };
}

function draw(shown?: ReturnType<typeof bank>) {
  const documents = shown === undefined ? [] : [shown];
  const snapshot = { documents, changed: new Set(documents.map(({ path }) => path)), stale: false };
  const store = storeWith({ type: "snapshot", topic: "items", snapshot });
  return render(
    <Desk store={store}>
      <BanksPanel />
    </Desk>,
  );
}

/** What was sent to an address, in order. */
function sent(path: string): unknown[] {
  const calls = network.mock.calls.filter(([url]) => url === path);
  return calls.map(([, init]): unknown => (typeof init?.body === "string" ? JSON.parse(init.body) : null));
}

/** Plaid's script is there: the inert tag that the hook takes for it, and window.Plaid. */
function withLink(): void {
  const tag = document.createElement("script");
  tag.type = "text/plain";
  tag.src = SCRIPT;
  document.head.append(tag);
  vi.stubGlobal("Plaid", {
    create: (handed: Handed) => {
      created.push(handed);
      queueMicrotask(() => handed.onLoad?.());
      return { open, exit: vi.fn(), submit: vi.fn(), destroy: vi.fn() };
    },
  });
}

async function linkABank() {
  await userEvent.click(screen.getByRole("button", { name: "Link a bank" }));
  await waitFor(() => expect(open).toHaveBeenCalled());
}

beforeEach(() => {
  notifications.clean();
  created.length = 0;
  open.mockReset();
  network.mockReset();
  for (const path of Object.keys(answers)) Reflect.deleteProperty(answers, path);
  network.mockImplementation((url) => {
    const found = typeof url === "string" ? answers[url] : undefined;
    return Promise.resolve(found === undefined ? answer(500, {}) : answer(...found()));
  });
  vi.stubGlobal("fetch", network);
  answers["/api/link-tokens"] = () => [200, opening()];
});

afterEach(() => {
  document.head.replaceChildren();
  localStorage.clear();
  window.history.replaceState(null, "", "/");
  vi.unstubAllGlobals();
});

test("a linked bank is told with the token that opened Link and what Link said of it", async () => {
  withLink();
  draw();
  await linkABank();
  answers["/api/items"] = () => [201, { item: {}, marked: [] }];

  act(() => created.at(-1)?.onSuccess("public-1", METADATA));

  expect(await screen.findByText(/Your bank is linked/)).toBeInTheDocument();
  expect(sent("/api/items")).toEqual([
    {
      publicToken: "public-1",
      linkToken: "link-1",
      institutionId: "ins_109508",
      accounts: [{ name: "Checking", mask: "0000", type: "depository", subtype: "checking" }],
    },
  ]);
});

test("a bank that is linked already offers to choose its accounts instead", async () => {
  withLink();
  draw(bank());
  await linkABank();
  answers["/api/items"] = () => [409, { code: "item-already-linked", title: "Linked", detail: "", itemId: "i1" }];
  act(() => created.at(-1)?.onSuccess("public-1", METADATA));
  expect(await screen.findByText("This bank is linked already — repair it?")).toBeInTheDocument();
  expect(screen.queryByText("The bank was not linked")).toBeNull();

  await userEvent.click(screen.getByRole("button", { name: "Add or remove accounts" }));

  await waitFor(() => expect(sent("/api/link-tokens")).toHaveLength(2));
  expect(sent("/api/link-tokens").at(-1)).toEqual({ itemId: "i1", accountSelection: true });
});

test("accounts are chosen from the bank's menu, and its public token is exchanged for nothing", async () => {
  withLink();
  draw(bank());
  await userEvent.click(screen.getByRole("button", { name: "More for First Platypus" }));
  await userEvent.click(await screen.findByText("Add or remove accounts"));
  await waitFor(() => expect(open).toHaveBeenCalled());
  answers["/api/items/i1/repaired"] = () => [200, { item: {}, marked: [] }];

  act(() => created.at(-1)?.onSuccess("public-1", METADATA));

  expect(await screen.findByText("Your bank is connected again.")).toBeInTheDocument();
  expect([sent("/api/link-tokens"), sent("/api/items")]).toEqual([[{ itemId: "i1", accountSelection: true }], []]);
});

test("a bank with more accounts says so", () => {
  draw(bank({ errorCode: "NEW_ACCOUNTS_AVAILABLE" }));
  expect(screen.getByText(/has accounts that Livespend does not see/)).toBeInTheDocument();
  expect(screen.getByRole("button", { name: "Choose accounts" })).toBeInTheDocument();
});

test("coming back from the bank's own page goes on with the very same token", async () => {
  withLink();
  const first = draw();
  await linkABank();
  first.unmount(); // the bank's sign-in replaces the page
  created.length = 0;
  window.history.replaceState(null, "", "/?oauth_state_id=state-1");
  answers["/api/items"] = () => [201, { item: {}, marked: [] }];

  draw();
  await waitFor(() => expect(created).not.toHaveLength(0));

  expect(created[0]).toMatchObject({ token: "link-1", receivedRedirectUri: window.location.href });
  expect(window.location.search).toBe("?oauth_state_id=state-1");
  expect(sent("/api/link-tokens")).toHaveLength(1);
  act(() => created.at(-1)?.onSuccess("public-1", METADATA));
  expect(await screen.findByText(/Your bank is linked/)).toBeInTheDocument();
  expect([window.location.search, localStorage.length]).toEqual(["", 0]);
});

test.each([
  ["another person's", { uid: "somebody else", expires: Date.parse(LATER) }],
  ["one that is too old", { uid: UID, expires: 1 }],
])("an attempt that is %s is not gone on with", (_, fields) => {
  withLink();
  localStorage.setItem("livespend:person:link", JSON.stringify({ token: "link-1", itemId: null, ...fields }));
  window.history.replaceState(null, "", "/?oauth_state_id=state-1");

  draw();

  expect(created).toHaveLength(0);
  expect([window.location.search, localStorage.length]).toEqual(["", 0]);
});

/** The hook asks for Plaid's script by a tag of its own, which some browsers refuse to load. */
async function openWithoutScript() {
  answers["/api/link-tokens"] = () => [
    200,
    sent("/api/link-tokens").length === 1 ? opening() : opening({ hostedLinkUrl: "https://secure.plaid.com/hl/1" }),
  ];
  await userEvent.click(screen.getByRole("button", { name: "Link a bank" }));
  const script = await waitFor(() => {
    const tag = document.querySelector(`script[src="${SCRIPT}"]`);
    if (tag === null) throw new Error("the script is not asked for yet");
    return tag;
  });
  fireEvent.error(script);
  return screen.findByRole("link", { name: "Continue at Plaid" });
}

test("where Plaid's script does not load, Link goes on in a tab at Plaid", async () => {
  answers["/api/link-sessions/s1"] = () => [200, { session: { state: "open", itemId: null, problem: null } }];
  draw();
  const link = await openWithoutScript();
  expect(link).toHaveAttribute("href", "https://secure.plaid.com/hl/1");
  expect(link).toHaveAttribute("target", "_blank");
  expect(sent("/api/link-tokens").at(-1)).toEqual({ accountSelection: false, hosted: true });

  answers["/api/link-sessions/s1"] = () => [200, { session: { state: "finished", itemId: "i1", problem: null } }];
  act(() => {
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
  });

  expect(await screen.findByText(/Your bank is linked/)).toBeInTheDocument();
  expect(screen.queryByRole("link", { name: "Continue at Plaid" })).toBeNull();
});

test("a bank that was linked already in Plaid's tab is named like any other", async () => {
  answers["/api/link-sessions/s1"] = () => [
    200,
    { session: { state: "failed", itemId: "i1", problem: "item-already-linked" } },
  ];
  draw(bank());

  await openWithoutScript().catch(() => undefined);

  expect(await screen.findByText("This bank is linked already — repair it?")).toBeInTheDocument();
});

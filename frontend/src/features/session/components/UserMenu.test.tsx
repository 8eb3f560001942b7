import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { UserMenu } from "@/features/session/components/UserMenu";
import { applyEvent, createLiveStore } from "@/lib/live/store";
import { Desk, UID } from "@/test/Desk";

const again = vi.hoisted(() => vi.fn());
vi.mock("firebase/auth", async (original) => ({
  ...(await original<object>()),
  reauthenticateWithCredential: again,
}));

let answers: Response[] = [];
const asked: string[] = [];

beforeEach(() => {
  answers = [];
  asked.length = 0;
  again.mockReset().mockResolvedValue(undefined);
  vi.stubGlobal("fetch", (path: string, call: RequestInit) => {
    asked.push(`${call.method} ${path}`);
    const answer = answers.shift();
    return answer === undefined ? Promise.reject(new TypeError("no answer")) : Promise.resolve(answer);
  });
});
afterEach(() => vi.unstubAllGlobals());

const accepted = () => Response.json({ erasure: "e" }, { status: 202 });
const tooOld = () => Response.json({ code: "sign-in-too-old", title: "t" }, { status: 403 });

function open({ unsent = 0, item, sending = false }: { unsent?: number; item: string; sending?: boolean }) {
  const store = createLiveStore();
  if (sending) store.setState((s) => applyEvent(s, { type: "guessed", id: "g", path: null, change: {} }, UID));
  const left = vi.fn();
  const user = { email: "ada@example.com", providerData: [{ providerId: "password" }] } as never;
  const view = (waiting: number) => (
    <Desk store={store} unsent={waiting} user={user}>
      <UserMenu onSignOut={left} />
    </Desk>
  );
  render(view(unsent));
  fireEvent.click(screen.getByRole("button", { name: /Account of/ }));
  fireEvent.click(screen.getByRole("menuitem", { name: item }));
  return { left, store };
}

function confirmErasing(typed: string) {
  fireEvent.change(screen.getByLabelText(/Type ada@example.com/), { target: { value: typed } });
  fireEvent.click(screen.getByRole("button", { name: "Erase everything" }));
}

test("with nothing on its way signing out asks nothing", () => {
  const { left } = open({ item: "Sign out" });
  expect(left).toHaveBeenCalledOnce();
});

test("edits that wait on this device are not thrown away without a question", () => {
  const { left } = open({ unsent: 2, item: "Sign out" });
  expect(screen.getByRole("dialog").textContent).toContain("2 edits have not reached Livespend");
  expect(left).not.toHaveBeenCalled();
  fireEvent.click(screen.getByRole("button", { name: "Cancel" }));
  expect(left).not.toHaveBeenCalled();
});

test("an edit that is being sent counts, and the question says when it has gone", () => {
  const { left, store } = open({ sending: true, item: "Sign out" });
  expect(screen.getByRole("dialog").textContent).toContain("1 edit has not reached Livespend");
  fireEvent.click(screen.getByRole("button", { name: "Sign out and lose them" }));
  expect(left).toHaveBeenCalledOnce();
  store.setState((s) => applyEvent(s, { type: "answered", id: "g", marked: [] }, UID));
  return waitFor(() => expect(screen.getByRole("dialog").textContent).toContain("No edit waits"));
});

test("erasing says what goes, wants the address typed, and signs out", async () => {
  answers = [accepted()];
  const { left } = open({ item: "Erase account" });
  expect(screen.getByRole("dialog").textContent).toContain("There is no way back");
  confirmErasing("somebody@example.com");
  expect(screen.getByRole("button", { name: "Erase everything" })).toBeDisabled();
  expect(asked).toEqual([]);

  confirmErasing(" ADA@example.com ");
  await waitFor(() => expect(left).toHaveBeenCalledOnce());
  expect(asked).toEqual(["DELETE /api/me"]);
});

test("an old sign-in asks for the password and goes on with it", async () => {
  answers = [tooOld(), accepted()];
  const { left } = open({ item: "Erase account" });
  confirmErasing("ada@example.com");
  const password = await screen.findByLabelText("Your password");
  expect(screen.getByRole("button", { name: "Erase everything" })).toBeDisabled();
  fireEvent.change(password, { target: { value: "secret" } });
  fireEvent.click(screen.getByRole("button", { name: "Erase everything" }));
  await waitFor(() => expect(left).toHaveBeenCalledOnce());
  expect(again).toHaveBeenCalledOnce();
});

test("a request that nobody answers erases nothing and says so", async () => {
  const { left } = open({ item: "Erase account" });
  confirmErasing("ada@example.com");
  await screen.findByText(/Nothing was erased/);
  expect(left).not.toHaveBeenCalled();
});

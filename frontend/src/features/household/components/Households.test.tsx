import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Households } from "@/features/household/components/Households";
import { createLiveStore } from "@/lib/live/store";
import { Desk, UID } from "@/test/Desk";

interface Asked {
  call: string;
  body: unknown;
}

let asked: Asked[] = [];
let households: unknown[] = [];
let refusal: { status: number; code: string } | null = null;

/** An API that lists `households`, and takes every change unless told to refuse. */
function answer(path: string, { method = "GET", body }: RequestInit): Response {
  if (method === "GET") return Response.json({ households });
  asked.push({ call: `${method} ${path}`, body: typeof body === "string" ? JSON.parse(body) : null });
  if (refusal !== null) return Response.json({ code: refusal.code, title: "t" }, { status: refusal.status });
  if (path === "/api/households" || path.endsWith("/join")) {
    households = [castle("owner")];
    return Response.json({ household: households[0] }, { status: 201 });
  }
  if (path.endsWith("/invitations"))
    return Response.json({ code: "c0de", expiresAt: "2026-11-28T10:00:00Z" }, { status: 201 });
  return Response.json({ marked: [] });
}

const person = (id: string, displayName: string | null, role = "member") => ({
  ...{ id, displayName, role, sharesAll: false, joinedAt: "2026-11-21T10:00:00Z" },
});

const castle = (role: string, others: unknown[] = []) => ({
  ...{ id: "h", name: "Castle", accounts: [], members: [person(UID, "Ada", role), ...others] },
});

beforeEach(() => {
  asked = [];
  households = [];
  refusal = null;
  vi.stubGlobal("fetch", (path: string, call: RequestInit) => Promise.resolve(answer(path, call)));
});
afterEach(() => vi.unstubAllGlobals());

async function open(): Promise<ReturnType<typeof vi.fn>> {
  const shown = vi.fn();
  render(
    <Desk store={createLiveStore()}>
      <Households shown={null} onShow={shown} />
    </Desk>,
  );
  fireEvent.click(screen.getByRole("button", { name: "Households" }));
  await screen.findByText(/Each says what to show/);
  return shown;
}

async function openCastle(): Promise<ReturnType<typeof vi.fn>> {
  const shown = await open();
  fireEvent.click(screen.getByRole("button", { name: /Castle/ }));
  await screen.findByRole("heading", { name: "Castle" });
  return shown;
}

test("who makes a household is taken to it and shows it, and can invite", async () => {
  const shown = await open();
  await userEvent.type(screen.getByLabelText("Name of a new household"), " Castle {Enter}");
  const heading = await screen.findByRole("heading", { name: "Castle" });
  expect(asked[0]).toEqual({ call: "POST /api/households", body: { name: "Castle" } });
  expect(shown).toHaveBeenCalledWith("h");
  expect(heading).toHaveFocus();
  fireEvent.click(screen.getByRole("button", { name: "Invite somebody" }));
  expect(await screen.findByLabelText("Code of the invitation")).toHaveValue("c0de");
});

test("a name that is missing has the focus and is said; nothing is sent", async () => {
  await open();
  fireEvent.click(screen.getByRole("button", { name: "Make it" }));
  expect(await screen.findByText("Give the household a name.")).toBeInTheDocument();
  expect(screen.getByLabelText("Name of a new household")).toHaveFocus();
  expect(asked).toEqual([]);
});

test.each([
  [404, "invitation-invalid", "This code is unknown, used or expired"],
  [409, "household-full", "There is no room"],
])("a refusal %s %s is said in plain words, and goes when the code is corrected", async (status, code, words) => {
  await open();
  refusal = { status, code };
  const field = screen.getByLabelText(/Code of an invitation/);
  await userEvent.type(field, "wrong{Enter}");
  expect(await screen.findByText(new RegExp(words))).toBeInTheDocument();
  await userEvent.type(field, "x");
  expect(screen.queryByText(new RegExp(words))).toBeNull();
});

test("nothing is shown until it is chosen and saved", async () => {
  households = [castle("member")];
  await openCastle();
  expect(screen.getByLabelText("Nothing")).toBeChecked();
  fireEvent.click(screen.getByLabelText("Everything"));
  expect(asked).toEqual([]);
  fireEvent.click(screen.getByRole("button", { name: "Save what I show" }));
  await waitFor(() =>
    expect(asked).toEqual([{ call: "PUT /api/households/h/shares", body: { everything: true, accounts: [] } }]),
  );
});

test("a member may not invite, rename, take out or dissolve", async () => {
  households = [castle("member", [person("b", "Bob", "owner")])];
  await openCastle();
  for (const name of ["Invite somebody", "Rename", "Take out Bob", "Dissolve"])
    expect(screen.queryByRole("button", { name })).toBeNull();
  expect(screen.getByRole("button", { name: "Leave" })).toBeInTheDocument();
});

test("an owner takes somebody out after a question", async () => {
  households = [castle("owner", [person("b", "Bob")])];
  await openCastle();
  fireEvent.click(screen.getByRole("button", { name: "Take out Bob" }));
  fireEvent.click(await screen.findByRole("button", { name: "Take out" }));
  await waitFor(() => expect(asked.map(({ call }) => call)).toEqual(["DELETE /api/households/h/members/b"]));
});

test("dissolving wants the household's name typed, and then shows one's own money", async () => {
  households = [castle("owner")];
  const shown = await openCastle();
  fireEvent.click(screen.getByRole("button", { name: "Dissolve" }));
  const dialog = await screen.findByRole("dialog", { name: "Dissolve Castle?" });
  const confirm = within(dialog).getByRole("button", { name: "Dissolve it for everybody" });
  expect(confirm).toBeDisabled();
  await userEvent.type(within(dialog).getByLabelText("Type Castle to confirm"), "Castle");
  households = [];
  fireEvent.click(confirm);
  await waitFor(() => expect(shown).toHaveBeenCalledWith(null));
  expect(asked.map(({ call }) => call)).toEqual(["DELETE /api/households/h"]);
});

test("who is alone in a household dissolves it and has no leaving beside that", async () => {
  households = [castle("owner")];
  await openCastle();
  expect(screen.queryByRole("button", { name: "Leave" })).toBeNull();
});

test("leaving says what goes, and why it did not work", async () => {
  households = [castle("member", [person("b", "Bob", "owner")])];
  await openCastle();
  fireEvent.click(screen.getByRole("button", { name: "Leave" }));
  refusal = { status: 404, code: "household-not-found" };
  fireEvent.click(await screen.findByRole("button", { name: "Leave the household" }));
  expect(await screen.findByText("You are not in this household any more.")).toBeInTheDocument();
});

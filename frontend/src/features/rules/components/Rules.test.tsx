import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";

import { Rules } from "@/features/rules/components/Rules";
import { createLiveStore } from "@/lib/live/store";
import { Desk } from "@/test/Desk";

const network = vi.fn<typeof fetch>();
const answer = (body: unknown) => Promise.resolve(new Response(JSON.stringify(body), { status: 200 }));
const NO_CONDITION = { accountId: null, direction: null, minAmount: null, maxAmount: null, bankCategoryId: null };
const rule = (id: string, position: number, nameText: string, categoryId: string) => ({
  ...NO_CONDITION,
  ...{ id, position, nameText, categoryId, nameMatch: "contains" },
});
const CATEGORIES = [
  { id: "TRAVEL", name: "Travel", own: false, excluded: false },
  { id: "MEDICAL", name: "Medical", own: false, excluded: false },
];
let rules: ReturnType<typeof rule>[];

function sent(): unknown[] {
  return network.mock.calls.flatMap(([path, init]) =>
    init?.method === "GET"
      ? []
      : [[init?.method, path, init?.body ? (JSON.parse(init.body as string) as unknown) : null]],
  );
}

beforeEach(async () => {
  rules = [rule("one", 1, "uber", "TRAVEL"), rule("two", 2, "drugs", "MEDICAL")];
  network.mockReset();
  vi.stubGlobal("fetch", network);
  network.mockImplementation((path, init) => {
    if (init?.method !== "GET") return answer({ changed: 2, applying: true, marked: [] });
    return answer(path === "/api/rules" ? { rules } : { categories: CATEGORIES });
  });
  render(
    <Desk store={createLiveStore()}>
      <Rules />
    </Desk>,
  );
  await userEvent.click(screen.getByRole("button", { name: "Rules" }));
  await screen.findByRole("list", { name: "Rules" });
});

test("rules stand in their order, in words", async () => {
  await screen.findByText("Travel");
  const lines = screen.getAllByRole("listitem").map((line) => line.textContent);
  expect(lines).toEqual(["Travelif the name contains “uber”", "Medicalif the name contains “drugs”"]);
  expect(screen.getByRole("button", { name: "Earlier: the name contains “uber”" })).toBeDisabled();
  expect(screen.getByRole("button", { name: "Later: the name contains “drugs”" })).toBeDisabled();
});

test("a rule moves by one place, and what that changed is told", async () => {
  await userEvent.click(screen.getByRole("button", { name: "Earlier: the name contains “drugs”" }));
  expect(sent()).toEqual([["PATCH", "/api/rules/two", { position: 1 }]]);
  expect(await screen.findByText("2 transactions moved; older ones follow")).toBeInTheDocument();
});

test("a rule is edited in its place", async () => {
  await userEvent.click(screen.getByRole("button", { name: "Edit: the name contains “uber”" }));
  const name = screen.getByRole("textbox", { name: "Name" });
  await userEvent.clear(name);
  await userEvent.click(screen.getByRole("button", { name: "Save rule" }));
  expect(screen.getByText("A rule needs at least one condition.")).toBeInTheDocument();
  await userEvent.type(name, "lyft");
  await userEvent.click(screen.getByRole("button", { name: "Save rule" }));
  expect(sent()).toEqual([
    ["PATCH", "/api/rules/one", { ...NO_CONDITION, nameMatch: "contains", nameText: "lyft", categoryId: "TRAVEL" }],
  ]);
}, 20_000);

test("a removed rule is gone from the list once the answer is there", async () => {
  rules = rules.slice(1);
  await userEvent.click(screen.getByRole("button", { name: "Remove: the name contains “uber”" }));
  expect(sent()).toEqual([["DELETE", "/api/rules/one", null]]);
  await vi.waitFor(() => expect(screen.getAllByRole("listitem")).toHaveLength(1));
});

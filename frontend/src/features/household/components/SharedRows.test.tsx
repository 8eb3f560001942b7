import { render, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";

import { HouseholdSwitch } from "@/features/household/components/HouseholdSwitch";
import { SharedRows } from "@/features/household/components/SharedRows";
import { mergeCategories } from "@/lib/categories/categories";
import { createLiveStore } from "@/lib/live/store";
import { Desk } from "@/test/Desk";

const categories = mergeCategories([], [{ id: "c1", name: "Cats", own: true, excluded: false }], true);
const data = {
  version: { epoch: 1, number: 2 },
  memberId: "bob",
  date: "2026-11-03",
  name: "PET SHOP 12",
  merchantName: "Pet shop",
  amount: "12.5",
  currency: "USD",
  unofficialCurrency: null,
  currencyDigits: 2,
  categoryId: "c1",
  pending: true,
  expired: false,
  splits: [],
};

test("a shared row says whose it is, and names a member's own category", () => {
  const rows = [{ path: "households/h/transactions/t", id: "t", data }];
  render(
    <Desk store={createLiveStore()}>
      <SharedRows rows={rows} members={new Map([["bob", "Bob"]])} categories={categories} settled />
    </Desk>,
  );
  const row = screen.getByRole("listitem");
  expect(row.textContent).toContain("Pet shop");
  expect(row.textContent).toContain("Cats · Bob");
  expect(row.textContent).toContain("$12.50");
  expect(row.textContent).toContain("Pending");
});

test("whoever is in no household sees no switch, and choosing one tells its id", () => {
  const chosen = vi.fn();
  const { rerender } = render(
    <Desk store={createLiveStore()}>
      <HouseholdSwitch households={[]} shown={null} onChange={chosen} />
    </Desk>,
  );
  expect(screen.queryByText("Mine")).toBeNull();
  rerender(
    <Desk store={createLiveStore()}>
      <HouseholdSwitch households={[{ id: "h", name: "Home" }]} shown={null} onChange={chosen} />
    </Desk>,
  );
  screen.getByText("Home").click();
  expect(chosen).toHaveBeenCalledWith("h");
});

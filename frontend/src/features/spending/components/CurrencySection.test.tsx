import { MantineProvider } from "@mantine/core";
import { render, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";

import { CurrencySection } from "@/features/spending/components/CurrencySection";
import { mergeCategories } from "@/lib/categories/categories";
import type { CurrencyTotals } from "@/lib/documents";

const TOTALS: CurrencyTotals = {
  digits: 2,
  spendMinor: 7500,
  spend: "75",
  count: 5,
  pendingCount: 1,
  categories: {
    TRAVEL: { minor: -500, amount: "-5", count: 1 },
    FOOD_AND_DRINK: { minor: 2000, amount: "20", count: 2 },
    MEDICAL: { minor: 6000, amount: "60", count: 1 },
  },
  outside: { INCOME: { minor: -300_000, amount: "-3000", count: 1 } },
};

function draw(totals: CurrencyTotals = TOTALS) {
  render(
    <MantineProvider>
      <CurrencySection currency="USD" totals={totals} categories={mergeCategories([], [], true)} />
    </MantineProvider>,
  );
}

test("categories stand in order of spend, money that came back last and marked as money in", () => {
  draw();
  const list = screen.getByRole("list", { name: "Spending by category in USD" });
  const lines = within(list).getAllByRole("listitem");
  expect(lines.map((line) => line.textContent)).toEqual([
    "Medical$60.00",
    "Food and drink$20.00",
    "Travelmoney in +$5.00",
  ]);
});

test("income is shown apart from spending, and the total is the document's", () => {
  draw();
  const outside = screen.getByRole("list", { name: "Outside spending in USD" });
  expect(outside).toHaveTextContent("Incomemoney in +$3,000.00");
  const section = screen.getByRole("region", { name: "Spending in USD" });
  expect(section).toHaveTextContent("$75.00");
  expect(section).toHaveTextContent("5 transactions, 1 pending");
  expect(section).toHaveAttribute("data-minor", "7500");
});

test("a month with transfers only has no bars and still its transfers", () => {
  draw({ ...TOTALS, spend: "0", spendMinor: 0, categories: {} });
  expect(within(screen.getByRole("list", { name: "Spending by category in USD" })).queryAllByRole("listitem")).toEqual(
    [],
  );
  expect(screen.getByRole("list", { name: "Outside spending in USD" })).toBeInTheDocument();
});

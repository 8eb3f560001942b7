import { MantineProvider } from "@mantine/core";
import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";

import { ImportProgress } from "@/features/banks/components/ImportProgress";
import type { Import } from "@/lib/documents";

const HALF_WAY: Import = {
  version: { epoch: 1, number: 1 },
  phase: "storing",
  pages: 240,
  rows: 120_000,
  rowsStored: 30_500,
  storedFrom: "2026-09",
};

function draw(imported: Import) {
  return render(
    <MantineProvider>
      <ImportProgress bank="First Platypus Bank" imported={imported} />
    </MantineProvider>,
  );
}

test("while the history is read, the count grows and no share is claimed", () => {
  draw({ ...HALF_WAY, phase: "fetching", rows: 12_500, rowsStored: 0, storedFrom: null });
  const bar = screen.getByRole("progressbar", { name: "Import from First Platypus Bank" });
  expect(bar).toHaveTextContent("Reading the bank's history: 12,500 transactions so far");
  expect(bar).not.toHaveAttribute("aria-valuenow");
});

test("while rows are stored, the share and the month reached are shown", () => {
  draw(HALF_WAY);
  const bar = screen.getByRole("progressbar", { name: "Import from First Platypus Bank" });
  expect(bar).toHaveTextContent("30,500 of 120,000 transactions, back to September 2026");
  expect(bar).toHaveAttribute("aria-valuenow", "25");
});

test("an import that is over shows nothing", () => {
  draw({ ...HALF_WAY, phase: "done", rowsStored: 120_000, storedFrom: null });
  expect(screen.queryByRole("progressbar")).toBeNull();
});

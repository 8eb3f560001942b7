import { render, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ComingUpPanel } from "@/features/recurring/components/ComingUpPanel";
import { Desk, storeWith, UID } from "@/test/Desk";

function draw(...streams: object[]) {
  const documents = streams.map((fields, index) => {
    const data = {
      version: { epoch: 1, number: 1 },
      accountId: "a1",
      direction: "out",
      description: "NETFLIX.COM 4711",
      merchantName: "Netflix",
      frequency: "MONTHLY",
      status: "MATURE",
      active: true,
      firstDate: "2026-01-22",
      lastDate: "2026-10-22",
      nextDate: "2026-11-22",
      average: "12.1",
      averageMinor: 1210,
      last: "12.99",
      lastMinor: 1299,
      currency: "USD",
      unofficialCurrency: null,
      currencyDigits: 2,
      categoryId: "ENTERTAINMENT",
      count: 10,
      ...fields,
    };
    return { path: `users/${UID}/recurring/s${index}`, id: `s${index}`, data };
  });
  const snapshot = { documents, changed: new Set(documents.map(({ path }) => path)), stale: false };
  render(
    <Desk store={storeWith({ type: "snapshot", topic: "recurring", snapshot })}>
      <ComingUpPanel />
    </Desk>,
  );
}

beforeEach(() => vi.useFakeTimers({ now: new Date(2026, 10, 21, 12, 0) }));
afterEach(() => vi.useRealTimers());

test("what comes up is listed with its day and its last amount, and income is marked as such", () => {
  draw({ merchantName: null, description: "ACME PAYROLL", direction: "in", last: "-2500", nextDate: "2026-11-30" }, {});

  const panel = within(screen.getByRole("region", { name: "Coming up" }));
  const rows = panel.getAllByRole("listitem").map((row) => row.textContent);
  expect(rows).toEqual(["NetflixTomorrow$12.99", "ACME PAYROLLMonday, November 30Incomemoney in +$2,500.00"]);
});

test.each([
  ["there are no streams", []],
  ["all have ended", [{ active: false }]],
  ["none is near", [{ nextDate: "2027-01-22" }]],
])("where %s, no panel stands there", (_, streams) => {
  draw(...streams);
  expect(screen.queryByRole("region")).toBeNull();
});

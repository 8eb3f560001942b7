import { MantineProvider } from "@mantine/core";
import { act, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Freshness } from "@/features/banks/components/Freshness";
import type { Item } from "@/lib/documents";

const BANK: Item = {
  version: { epoch: 1, number: 1 },
  institutionName: "Bank",
  status: "ok",
  errorCode: null,
  message: null,
  consentExpiresAt: null,
  freshness: "ok",
  bankUpdatedAt: { toDate: () => new Date(2026, 10, 20, 16, 0) },
  changedAt: null,
};

beforeEach(() => vi.useFakeTimers({ now: new Date(2026, 10, 20, 16, 0, 20) }));
afterEach(() => vi.useRealTimers());

test("what a bank brought grows older while one watches", () => {
  render(
    <MantineProvider>
      <Freshness item={BANK} />
    </MantineProvider>,
  );
  expect(screen.getByText("Updated just now")).toBeInTheDocument();

  act(() => {
    vi.advanceTimersByTime(3 * 60_000);
  });

  expect(screen.getByText("Updated 3 min ago")).toBeInTheDocument();
});

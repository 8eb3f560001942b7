import { MantineProvider } from "@mantine/core";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { MonthSwitcher } from "@/features/spending/components/MonthSwitcher";

function draw(month: string) {
  const onChange = vi.fn();
  render(
    <MantineProvider>
      <MonthSwitcher month={month} current="2026-11" known={["2026-09", "2026-11"]} onChange={onChange} />
    </MantineProvider>,
  );
  return onChange;
}

test("goes month by month, also through one in which nothing happened", async () => {
  const onChange = draw("2026-11");
  await userEvent.click(screen.getByRole("button", { name: "Previous month" }));
  expect(onChange).toHaveBeenCalledWith("2026-10");
});

test("stops at the first and the last month that it knows", () => {
  draw("2026-09");
  expect(screen.getByRole("button", { name: "Previous month" })).toBeDisabled();
  expect(screen.getByRole("button", { name: "Next month" })).toBeEnabled();
});

test("offers the known months by name", async () => {
  const onChange = draw("2026-11");
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Month shown" }), "September 2026");
  expect(onChange).toHaveBeenCalledWith("2026-09");
});

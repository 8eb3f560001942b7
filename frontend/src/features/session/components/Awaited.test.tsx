import { MantineProvider } from "@mantine/core";
import { fireEvent, render, screen } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";

import { Awaited } from "@/features/session/components/Awaited";
import { forgetAll, keep, kept } from "@/lib/kept";
import { waitingFor } from "@/lib/waiting";

beforeEach(() => forgetAll());

function draw(signedOut: boolean) {
  render(
    <MantineProvider env="test">
      <Awaited signedOut={signedOut} />
    </MantineProvider>,
  );
}

test("an ordinary sign-in page says nothing", () => {
  draw(false);
  expect(screen.queryByRole("status")).toBeNull();
});

test("who was signed out is told so, and how many edits wait for them", () => {
  keep(waitingFor("ada"), JSON.stringify({ entries: [{}, {}] }));
  draw(true);
  expect(screen.getByRole("status")).toHaveTextContent("You were signed out");
  expect(screen.getByRole("status")).toHaveTextContent("2 edits made here have not reached Livespend");
});

test("what waits is thrown away after a question only", () => {
  keep(waitingFor("ada"), JSON.stringify({ entries: [{}] }));
  draw(false);
  fireEvent.click(screen.getByRole("button", { name: "Throw them away" }));
  expect(kept(waitingFor("ada"))).not.toBeNull();
  fireEvent.click(screen.getByRole("button", { name: "Throw away" }));
  expect(kept(waitingFor("ada"))).toBeNull();
  expect(screen.queryByText(/have not reached/)).toBeNull();
});

import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";

import { Home } from "@/app/Home";
import { Desk, storeWith, UID } from "@/test/Desk";

function headNaming(schemaVersion: number) {
  const path = `users/${UID}`;
  const documents = [{ path, id: UID, data: { schemaVersion } }];
  return storeWith({
    type: "snapshot",
    topic: "head",
    snapshot: { documents, changed: new Set([path]), stale: false },
  });
}

test("a shape of documents that this page cannot read asks for a reload instead of showing nothing", () => {
  render(
    <Desk store={headNaming(99)}>
      <Home onSignOut={() => undefined} />
    </Desk>,
  );
  expect(screen.getByRole("alert").textContent).toContain("Please reload this page");
  expect(screen.queryByRole("banner")).toBeNull();
});

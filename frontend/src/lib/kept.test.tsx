import { afterEach, expect, test, vi } from "vitest";

import { forget, forgetAll, keep, kept } from "@/lib/kept";

afterEach(() => {
  vi.restoreAllMocks();
  localStorage.clear();
});

test("what is kept for a person is found again, until they sign out", () => {
  localStorage.setItem("firebase:auth", "theirs");
  keep("link", "a");
  keep("other", "b");
  expect(kept("link")).toBe("a");
  forget("link");
  expect([kept("link"), kept("other")]).toEqual([null, "b"]);

  forgetAll();

  expect([kept("other"), localStorage.getItem("firebase:auth")]).toEqual([null, "theirs"]);
});

test("a browser that keeps nothing breaks nothing", () => {
  for (const way of ["getItem", "setItem", "removeItem"] as const)
    vi.spyOn(Storage.prototype, way).mockImplementation(() => {
      throw new DOMException("forbidden", "SecurityError");
    });

  keep("link", "a");
  forget("link");

  expect(kept("link")).toBeNull();
});

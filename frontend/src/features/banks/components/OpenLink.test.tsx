import { act, render } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { OpenLink } from "@/features/banks/components/OpenLink";

const trouble = vi.fn();

function draw() {
  render(<OpenLink token="link-1" onSuccess={vi.fn()} onExit={vi.fn()} onTrouble={trouble} />);
}

beforeEach(() => {
  vi.useFakeTimers();
  trouble.mockReset();
  const tag = document.createElement("script");
  tag.type = "text/plain";
  tag.src = "https://cdn.plaid.com/link/v2/stable/link-initialize.js";
  document.head.append(tag);
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test("a script that loads and brings no Link is trouble after a while", () => {
  draw();
  act(() => {
    vi.advanceTimersByTime(14_000);
  });
  expect(trouble).not.toHaveBeenCalled();
  act(() => {
    vi.advanceTimersByTime(2_000);
  });
  expect(trouble).toHaveBeenCalledOnce();
});

test("Link that opened is no trouble however long it takes", () => {
  const open = vi.fn();
  vi.stubGlobal("Plaid", {
    create: (handed: { onLoad: () => void }) => {
      setTimeout(handed.onLoad, 10);
      return { open, exit: vi.fn(), submit: vi.fn(), destroy: vi.fn() };
    },
  });
  draw();
  act(() => {
    vi.advanceTimersByTime(60_000);
  });
  expect(open).toHaveBeenCalledOnce();
  expect(trouble).not.toHaveBeenCalled();
});

import { expect, test } from "vitest";

import { installLinkShim } from "@/lib/link-shim";

const scripts = () => [...document.querySelectorAll("script")];

test("the inert tag stands before the shim, and the shim is waited for", async () => {
  const installed = installLinkShim("http://127.0.0.1:9/link/shim.js");
  const [inert, shim] = scripts();
  expect(inert?.type).toBe("text/plain");
  expect(inert?.src).toBe("https://cdn.plaid.com/link/v2/stable/link-initialize.js");
  expect(shim?.src).toBe("http://127.0.0.1:9/link/shim.js");
  shim?.dispatchEvent(new Event("load"));
  await expect(installed).resolves.toBeUndefined();
});

test("a bank that does not answer is named", async () => {
  const installed = installLinkShim("http://127.0.0.1:9/gone.js");
  scripts().at(-1)?.dispatchEvent(new Event("error"));
  await expect(installed).rejects.toThrow("http://127.0.0.1:9/gone.js");
});

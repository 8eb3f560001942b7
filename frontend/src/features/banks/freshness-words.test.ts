import { expect, test } from "vitest";

import { freshnessWords } from "@/features/banks/freshness-words";
import type { Item } from "@/lib/documents";

const NOW = new Date(2026, 10, 20, 16, 0); // a Friday
const at = (day: number, hour: number, minute = 0) => ({ toDate: () => new Date(2026, 10, day, hour, minute) });

const item = (freshness: string, bankUpdatedAt: Item["bankUpdatedAt"], changedAt: Item["changedAt"] = null): Item => ({
  version: { epoch: 1, number: 1 },
  institutionName: "Bank",
  status: "ok",
  errorCode: null,
  message: null,
  consentExpiresAt: null,
  freshness,
  bankUpdatedAt,
  changedAt,
});

test.each([
  [at(20, 16, 0), "Updated just now"],
  [at(20, 16, 5), "Updated just now"], // the reader's clock is slow
  [at(20, 15, 18), "Updated 42 min ago"],
  [at(20, 13, 30), "Updated 2 h ago"],
  [at(18, 9), "Updated on Wednesday"],
  [at(2, 9), "Updated on November 2"],
  [null, "Waiting for the bank's first data"],
])("a fresh bank says when it was updated (%#)", (updated, words) => {
  expect(freshnessWords(item("ok", updated), NOW, "en-US")).toBe(words);
});

test("a quiet bank says since when, and that it was reached", () => {
  expect(freshnessWords(item("quiet", at(20, 13), at(17, 9)), NOW, "en-US")).toBe(
    "Quiet: nothing new since Tuesday. The bank was reached 3 h ago",
  );
  expect(freshnessWords(item("quiet", null), NOW, "en-US")).toBe("Nothing yet");
});

test("a stale bank says since when nothing could be fetched", () => {
  expect(freshnessWords(item("stale", at(18, 9)), NOW, "en-US")).toBe(
    "Stale: nothing could be fetched since Wednesday. Livespend keeps trying",
  );
  expect(freshnessWords(item("stale", null), NOW, "en-US")).toMatch(/^Stale: nothing could be fetched yet/);
});

test("a broken bank says how old what is shown is", () => {
  expect(freshnessWords(item("broken", at(10, 9)), NOW, "en-US")).toBe("What you see was fetched on November 10");
});

test("a freshness of a newer mirror is no broken page", () => {
  expect(freshnessWords(item("sleepy", at(20, 13)), NOW, "en-US")).toBe("Updated 3 h ago");
});

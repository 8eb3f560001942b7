import { expect, test } from "vitest";

import { statusWords } from "@/features/banks/item-status";
import type { Item } from "@/lib/documents";

const item = (status: string, message: string | null = null): Item => ({
  version: { epoch: 1, number: 1 },
  institutionName: "Bank",
  status,
  errorCode: null,
  message,
  consentExpiresAt: null,
  freshness: "ok",
  bankUpdatedAt: null,
  changedAt: null,
});

test("only a bank that asks for it can be signed in to again", () => {
  const repairable = ["ok", "login_required", "pending_disconnect", "revoked", "error"].filter(
    (one) => statusWords(item(one)).repairable,
  );
  expect(repairable).toEqual(["login_required", "pending_disconnect"]);
});

test("a status of a newer mirror is trouble with the bank's own words, not a broken page", () => {
  expect(statusWords(item("under_water", "The bank is wet"))).toMatchObject({
    label: "Trouble",
    says: "The bank is wet",
  });
});

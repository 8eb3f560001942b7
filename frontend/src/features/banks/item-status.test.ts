import { expect, test } from "vitest";

import { isCheckable, statusWords } from "@/features/banks/item-status";
import type { Item } from "@/lib/documents";

const item = (status: string, message: string | null = null, errorCode: string | null = null): Item => ({
  version: { epoch: 1, number: 1 },
  institutionName: "Bank",
  status,
  errorCode,
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

test("a bank whose token was lost is to be linked again, and nobody is sent to sign in", () => {
  expect(statusWords(item("login_required", "Please link the bank again.", "TOKEN_LOST"))).toMatchObject({
    label: "Link again",
    says: "Please link the bank again.",
    repairable: false,
  });
});

test("a code that says more than the status has words of its own, and the bank's words follow", () => {
  expect(statusWords(item("login_required", "Call us.", "ITEM_LOCKED")).says).toBe(
    "Your bank has locked this sign-in. Unlock it at the bank, then sign in again here. Your bank says: Call us.",
  );
  expect(statusWords(item("ok", "Ignored", "NEW_ACCOUNTS_AVAILABLE")).says).toBeNull();
});

test("a bank can be checked unless somebody has to mend its connection first", () => {
  const checkable = ["ok", "login_required", "pending_disconnect", "revoked"].filter((one) => isCheckable(item(one)));
  expect(checkable).toEqual(["ok", "pending_disconnect"]);
  expect(isCheckable({ ...item("error"), freshness: "broken" })).toBe(false);
  expect(isCheckable(item("error", null, "TOKEN_LOST"))).toBe(false);
});

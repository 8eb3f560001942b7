import * as v from "valibot";
import { expect, test } from "vitest";

import { gapWords } from "@/features/banks/gap-words";
import { type Account, accountSchema } from "@/lib/documents";

const OLDER = {
  version: { epoch: 1, number: 1 },
  itemId: "i1",
  name: "Checking",
  type: "depository",
  currency: "USD",
  unofficialCurrency: null,
  currencyDigits: 2,
  closed: false,
};

const account = (fields: object = {}): Account =>
  v.parse(accountSchema, { ...OLDER, balanceState: "gap", gap: "12.4", gapSince: "2026-11-03", ...fields });

const words = (fields: object = {}) => gapWords(account(fields), "en-US");

test("money that went out unexplained is told with its day", () => {
  expect(words()).toEqual({
    line: "$12.40 unexplained since Nov 3",
    says: "$12.40 went out since Tuesday, November 3, and no transaction says why.",
    why: "Nothing here explains it. The bank may not have told a transaction yet.",
  });
});

test("a negative gap is money that came in, without a minus", () => {
  expect(words({ gap: "-1200.005", gapSince: null })).toMatchObject({
    line: "$1,200.01 unexplained",
    says: "$1,200.01 came in, and no transaction says why.",
  });
});

test("a currency without agreed digits keeps them all", () => {
  expect(words({ currency: null, unofficialCurrency: "BTC", gap: "0.00000012" })?.line).toBe(
    "0.00000012 BTC unexplained since Nov 3",
  );
});

test.each([
  ["counted-but-not-moved", ["t1"], "These are in the list, but the balance did not move:"],
  ["wrong-direction", ["t1"], "These may have been booked the other way round:"],
  ["missing-row", [], "Nothing here explains it. The bank may not have told a transaction yet."],
  ["wrong-direction", [], "Nothing here explains it. The bank may not have told a transaction yet."],
  ["of-a-newer-mirror", ["t1"], "Look at these first:"],
])("the reason %s with the transactions %j is said in words", (gapReason, gapLikely, why) => {
  expect(words({ gapReason, gapLikely })?.why).toBe(why);
});

test.each([
  ["an account that balances", { balanceState: "balanced", gap: null }],
  ["one that cannot be checked", { balanceState: null, gap: null }],
  ["a state of a newer mirror", { balanceState: "guessed" }],
  ["a gap of nothing", { gap: "0" }],
])("%s says nothing", (_, fields) => {
  expect(words(fields)).toBeNull();
});

test("an account of a mirror that did not check balances is read, and says nothing", () => {
  const older = v.parse(accountSchema, OLDER);
  expect(older).toMatchObject({ balanceState: null, gap: null, gapLikely: [] });
  expect(gapWords(older)).toBeNull();
});

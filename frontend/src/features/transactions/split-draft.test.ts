import { expect, test } from "vitest";

import {
  checkParts,
  draftsOf,
  exceeds,
  type PartDraft,
  remainder,
  remainderOf,
} from "@/features/transactions/split-draft";

const usd = (amount: string) => ({ amount, currency: "USD", currencyDigits: 2 });
const part = (amount: string, categoryId: string | null = "TRAVEL", note = ""): PartDraft => ({
  key: amount,
  categoryId,
  amount,
  note,
});
const problems = (whole: ReturnType<typeof usd>, ...drafts: PartDraft[]) => {
  const checked = checkParts(whole, drafts, "en-US");
  return "problems" in checked ? checked.problems : null;
};

test("what is left is exact, whatever is typed so far", () => {
  expect(remainderOf(usd("100"), [part("30.10"), part("9.9"), part("not yet")], "en-US")).toBe("60");
  expect(remainderOf(usd("0.3"), [part("0.1"), part("0.2")], "en-US")).toBe("0");
  expect(remainderOf(usd("90071992547409.93"), [part("0.01")], "en-US")).toBe("90071992547409.92");
});

test("good parts keep their order, their exact amounts and their notes", () => {
  expect(
    checkParts(usd("100"), [part("30.50", "TRAVEL", " taxi "), part("1,0.5"), part("69.5")], "en-US"),
  ).toHaveProperty("problems");
  expect(checkParts(usd("100"), [part("30.50", "TRAVEL", " taxi "), part("69.5", "MEDICAL")], "en-US")).toEqual({
    splits: [
      { categoryId: "TRAVEL", amount: "30.5", note: "taxi" },
      { categoryId: "MEDICAL", amount: "69.5", note: null },
    ],
  });
});

test("parts of a refund are typed without a sign and have its sign", () => {
  expect(checkParts(usd("-20"), [part("5")], "en-US")).toEqual({
    splits: [{ categoryId: "TRAVEL", amount: "-5", note: null }],
  });
  expect(remainderOf(usd("-20"), [part("5")], "en-US")).toBe("-15");
  expect(draftsOf([{ categoryId: "TRAVEL", amount: "-5.25", note: null }], "de-DE")[0]?.amount).toBe("5,25");
});

test("each line says what is wrong with it", () => {
  expect(problems(usd("100"), part("60"), part("40.01"))?.map((one) => one.amount)).toEqual([
    undefined,
    "That is more than what is left.",
  ]);
  expect(problems(usd("100"), part("", null))).toEqual([
    { categoryId: "Choose a category.", amount: "Enter an amount." },
  ]);
  expect(problems(usd("100"), part("0"))?.[0]).toHaveProperty("amount");
  expect(problems(usd("100"), part("0.001"))?.[0]).toHaveProperty("amount");
});

test("an amount finer than its currency can be split to its last digit", () => {
  const whole = usd("10.021521");
  expect(checkParts(whole, [part("10"), part("0.021521")], "en-US")).toHaveProperty("splits");
  expect(
    checkParts({ amount: "0.01234567", currency: null, currencyDigits: null }, [part("0.00000007")], "en-US"),
  ).toHaveProperty("splits");
});

test("parts that are more than the amount are noticed on either side of zero", () => {
  expect(exceeds("50", remainder("50", ["80"]))).toBe(true);
  expect(exceeds("-50", remainder("-50", ["-80"]))).toBe(true);
  expect(exceeds("80", remainder("80", ["80"]))).toBe(false);
  expect(exceeds("0", remainder("0", ["80"]))).toBe(true);
});

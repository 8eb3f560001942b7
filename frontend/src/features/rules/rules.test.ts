import { expect, test } from "vitest";

import { checkRule, draftOf } from "@/features/rules/rule-draft";
import { conditionsOf, type Rule } from "@/features/rules/rules";

const RULE: Rule = {
  id: "r",
  position: 1,
  categoryId: "TRAVEL",
  nameMatch: "starts",
  nameText: "Uber",
  accountId: "acc",
  direction: "out",
  minAmount: "5",
  maxAmount: "1234.5",
  bankCategoryId: "TRANSPORTATION",
};
const NAMES = { account: () => "Checking", category: () => "Transportation", amount: (exact: string) => exact };
const NOTHING = {
  nameMatch: null,
  nameText: null,
  accountId: null,
  direction: null,
  minAmount: null,
  bankCategoryId: null,
};

test("a rule is told in words", () => {
  expect(conditionsOf(RULE, NAMES)).toBe(
    "the name starts with “Uber” and money goes out and the amount is 5 to 1234.5 and the account is Checking" +
      " and the bank says Transportation",
  );
  expect(conditionsOf({ ...RULE, ...NOTHING }, NAMES)).toBe("the amount is at most 1234.5");
});

test("a draft that nobody touched asks for the rule as it is", () => {
  for (const locale of ["en-US", "de-DE"]) {
    const checked = checkRule(draftOf(RULE, locale), locale);
    expect({ id: "r", position: 1, ...("change" in checked ? checked.change : {}) }).toEqual(RULE);
  }
});

test("a field that was emptied is no condition, and one condition there must be", () => {
  const emptied = { ...draftOf({ ...RULE, ...NOTHING, maxAmount: "9" }, "en-US") };
  expect(checkRule(emptied, "en-US")).toMatchObject({ change: { ...NOTHING, maxAmount: "9" } });
  expect(checkRule({ ...emptied, maxAmount: " " }, "en-US")).toHaveProperty("problems.nameText");
});

test("what is wrong is named by field", () => {
  const wrong = { ...draftOf(RULE, "en-US"), categoryId: null, minAmount: "x", maxAmount: "-1" };
  expect(checkRule(wrong, "en-US")).toMatchObject({
    problems: {
      categoryId: expect.anything() as string,
      minAmount: expect.anything() as string,
      maxAmount: expect.anything() as string,
    },
  });
});

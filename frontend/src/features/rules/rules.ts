/** A rule as the API has it, and in words. */
import * as v from "valibot";

const text = v.nullable(v.string());

export const ruleSchema = v.object({
  id: v.string(),
  position: v.number(),
  categoryId: v.string(),
  nameMatch: v.nullable(v.picklist(["contains", "equals", "starts"])),
  nameText: text,
  accountId: text,
  direction: v.nullable(v.picklist(["in", "out"])),
  minAmount: text,
  maxAmount: text,
  bankCategoryId: text,
});

export type Rule = v.InferOutput<typeof ruleSchema>;

/** What may be changed on a rule: its conditions, its category. */
export type RuleChange = Partial<Omit<Rule, "id">>;

/** Names of what a rule only knows by id. */
export interface Names {
  readonly account: (id: string) => string;
  readonly category: (id: string) => string;
  readonly amount: (exact: string) => string;
}

export const MATCH_WORDS = { contains: "contains", equals: "is", starts: "starts with" } as const;

/** "the name contains “uber” and money goes out" */
export function conditionsOf(rule: Rule, names: Names): string {
  const told = [
    rule.nameMatch !== null && rule.nameText !== null && `the name ${MATCH_WORDS[rule.nameMatch]} “${rule.nameText}”`,
    rule.direction !== null && `money ${rule.direction === "in" ? "comes in" : "goes out"}`,
    amounts(rule, names),
    rule.accountId !== null && `the account is ${names.account(rule.accountId)}`,
    rule.bankCategoryId !== null && `the bank says ${names.category(rule.bankCategoryId)}`,
  ];
  return told.filter((one) => one !== false).join(" and ");
}

function amounts({ minAmount, maxAmount }: Rule, { amount }: Names): string | false {
  if (minAmount !== null && maxAmount !== null) return `the amount is ${amount(minAmount)} to ${amount(maxAmount)}`;
  if (minAmount !== null) return `the amount is at least ${amount(minAmount)}`;
  return maxAmount !== null && `the amount is at most ${amount(maxAmount)}`;
}

/** What is typed into a rule's form, and the change that it asks for. */
import { AMOUNT_WORDS } from "@/components/AmountInput";
import type { Rule, RuleChange } from "@/features/rules/rules";
import { asTyped, MOST_DIGITS, parseAmount } from "@/lib/money";

export interface RuleDraft {
  readonly categoryId: string | null;
  readonly nameMatch: NonNullable<Rule["nameMatch"]>;
  readonly nameText: string;
  readonly direction: Rule["direction"];
  readonly minAmount: string;
  readonly maxAmount: string;
  readonly accountId: string | null;
  readonly bankCategoryId: string | null;
}

export type RuleProblems = Partial<Record<"categoryId" | "nameText" | "minAmount" | "maxAmount", string>>;

export function draftOf(rule: Rule, locale?: string): RuleDraft {
  const typed = (exact: string | null) => (exact === null ? "" : asTyped(exact, locale));
  return {
    categoryId: rule.categoryId,
    nameMatch: rule.nameMatch ?? "contains",
    nameText: rule.nameText ?? "",
    direction: rule.direction,
    minAmount: typed(rule.minAmount),
    maxAmount: typed(rule.maxAmount),
    accountId: rule.accountId,
    bankCategoryId: rule.bankCategoryId,
  };
}

/** The change that a draft asks for, or what is wrong with it. An empty field is no condition. */
export function checkRule(draft: RuleDraft, locale?: string): { change: RuleChange } | { problems: RuleProblems } {
  const nameText = draft.nameText.trim();
  const least = bound(draft.minAmount, locale);
  const most = bound(draft.maxAmount, locale);
  const { categoryId, direction, accountId, bankCategoryId } = draft;
  const conditions = [nameText, direction, draft.minAmount.trim(), draft.maxAmount.trim(), accountId, bankCategoryId];
  const problems: RuleProblems = {
    ...(categoryId === null ? { categoryId: "Choose a category." } : {}),
    ...(conditions.some(Boolean) ? {} : { nameText: "A rule needs at least one condition." }),
    ...("problem" in least ? { minAmount: AMOUNT_WORDS[least.problem] } : {}),
    ...("problem" in most ? { maxAmount: AMOUNT_WORDS[most.problem] } : {}),
  };
  if ("problem" in least || "problem" in most || categoryId === null || Object.keys(problems).length > 0)
    return { problems };
  const name = nameText === "" ? { nameMatch: null, nameText: null } : { nameMatch: draft.nameMatch, nameText };
  return {
    change: {
      categoryId,
      ...name,
      direction,
      minAmount: least.exact,
      maxAmount: most.exact,
      accountId,
      bankCategoryId,
    },
  };
}

/** Rules know no currency, so any number of digits that the ledger keeps is taken. */
function bound(typed: string, locale?: string) {
  return typed.trim() === "" ? { exact: null } : parseAmount(typed, "", locale, MOST_DIGITS);
}

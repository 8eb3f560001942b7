/** Splitting a transaction: what is typed, what is left, and what is wrong. Amounts stay exact text throughout. */
import { AMOUNT_WORDS } from "@/components/AmountInput";
import type { Split, Transaction } from "@/lib/documents";
import { added, asTyped, isNegative, isZero, MOST_DIGITS, negated, parseAmount } from "@/lib/money";

/** What is in one line of the form: text, as it was typed; the amount without the transaction's sign. */
export interface PartDraft {
  readonly key: string;
  readonly categoryId: string | null;
  readonly amount: string;
  readonly note: string;
}

export type PartProblems = Partial<Record<"categoryId" | "amount", string>>;

export type CheckedParts = { splits: Split[] } | { problems: readonly PartProblems[] };

type Money = Pick<Transaction, "amount" | "currency" | "currencyDigits">;

export const MOST_PARTS = 20;

export function blankPart(): PartDraft {
  return { key: crypto.randomUUID(), categoryId: null, amount: "", note: "" };
}

/** The form for the splits that there are; for none, one line to begin with. */
export function draftsOf(splits: readonly Split[], locale?: string): PartDraft[] {
  if (splits.length === 0) return [blankPart()];
  return splits.map(({ categoryId, amount, note }) => ({
    key: crypto.randomUUID(),
    categoryId,
    amount: asTyped(isNegative(amount) ? negated(amount) : amount, locale),
    note: note ?? "",
  }));
}

/** What would stay in the transaction's own category; lines that cannot be read count as nothing. */
export function remainderOf(whole: Money, drafts: readonly PartDraft[], locale?: string): string {
  const parts = drafts.map((draft) => exactOf(whole, draft, locale)).filter((exact) => exact !== null);
  return remainder(whole.amount, parts);
}

/** What is left of an amount when its parts are taken out. */
export function remainder(amount: string, parts: readonly string[]): string {
  return added([amount, ...parts.map(negated)]);
}

/** Whether parts of an amount come to more than it is: what is left is on the other side of zero. */
export function exceeds(amount: string, left: string): boolean {
  return !isZero(left) && (isZero(amount) || isNegative(left) !== isNegative(amount));
}

/** The splits that the lines describe, or what is wrong with each line. */
export function checkParts(whole: Money, drafts: readonly PartDraft[], locale?: string): CheckedParts {
  const checked = drafts.map((draft, place) => checkPart(whole, drafts.slice(0, place), draft, locale));
  const splits = checked.filter((one) => "split" in one).map((one) => one.split);
  if (splits.length === checked.length) return { splits };
  return { problems: checked.map((one) => ("problems" in one ? one.problems : {})) };
}

type CheckedPart = { split: Split } | { problems: PartProblems };

function checkPart(whole: Money, before: readonly PartDraft[], draft: PartDraft, locale?: string): CheckedPart {
  const typed = parseAmount(draft.amount, whole.currency ?? "", locale, digitsOf(whole));
  const exact = exactOf(whole, draft, locale);
  const tooMuch = exact !== null && exceeds(whole.amount, remainderOf(whole, [...before, draft], locale));
  if (draft.categoryId !== null && exact !== null && !tooMuch) {
    const note = draft.note.trim();
    return { split: { categoryId: draft.categoryId, amount: exact, note: note === "" ? null : note } };
  }
  return {
    problems: {
      ...(draft.categoryId === null ? { categoryId: "Choose a category." } : {}),
      ...("problem" in typed ? { amount: AMOUNT_WORDS[typed.problem] } : {}),
      ...(tooMuch ? { amount: "That is more than what is left." } : {}),
    },
  };
}

/** The exact amount of a line, with the transaction's sign. */
function exactOf(whole: Money, draft: PartDraft, locale?: string): string | null {
  const typed = parseAmount(draft.amount, whole.currency ?? "", locale, digitsOf(whole));
  if ("problem" in typed) return null;
  return isNegative(whole.amount) ? negated(typed.exact) : typed.exact;
}

/** As many digits as the currency has, or as the amount itself has: what is left has to be typed away, too. */
function digitsOf({ amount, currencyDigits }: Money): number {
  return Math.max(currencyDigits ?? MOST_DIGITS, amount.split(".")[1]?.length ?? 0);
}

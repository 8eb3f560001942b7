import { AMOUNT_WORDS } from "@/components/AmountInput";
import type { NewExpense } from "@/features/transactions/api/add-expense";
import { parseAmount } from "@/lib/money";
import { dayOf } from "@/lib/months";

/** What is in the form: text, as it was typed. */
export interface ExpenseDraft {
  readonly amount: string;
  readonly currency: string;
  readonly date: string;
  readonly name: string;
  readonly categoryId: string | null;
  readonly note: string;
}

export type DraftProblems = Partial<Record<keyof ExpenseDraft, string>>;

export type CheckedDraft = { expense: NewExpense } | { problems: DraftProblems };

/** The days that the ledger takes. */
export const EARLIEST = "1970-01-01";

export function latestDay(now = new Date()): string {
  return dayOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() + 365));
}

/** The expense that a draft describes, or what is wrong with each field. */
export function checkDraft(draft: ExpenseDraft, locale?: string): CheckedDraft {
  const parsed = parseAmount(draft.amount, draft.currency, locale);
  const name = draft.name.trim();
  const note = draft.note.trim();
  const dayTaken = draft.date >= EARLIEST && draft.date <= latestDay();
  if ("exact" in parsed && name !== "" && dayTaken && draft.categoryId !== null) {
    const { currency, date, categoryId } = draft;
    return { expense: { amount: parsed.exact, currency, date, name, categoryId, ...(note === "" ? {} : { note }) } };
  }
  return {
    problems: {
      ...("problem" in parsed ? { amount: AMOUNT_WORDS[parsed.problem] } : {}),
      ...(name === "" ? { name: "Say what it was for." } : {}),
      ...(dayTaken ? {} : { date: "Choose a day, at most a year from today." }),
      ...(draft.categoryId === null ? { categoryId: "Choose a category." } : {}),
    },
  };
}

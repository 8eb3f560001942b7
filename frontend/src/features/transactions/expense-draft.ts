import { AMOUNT_WORDS } from "@/components/AmountInput";
import type { NewExpense } from "@/features/transactions/api/add-expense";
import { parseAmount } from "@/lib/money";

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

/** The expense that a draft describes, or what is wrong with each field. */
export function checkDraft(draft: ExpenseDraft, locale?: string): CheckedDraft {
  const parsed = parseAmount(draft.amount, draft.currency, locale);
  const name = draft.name.trim();
  const note = draft.note.trim();
  if ("exact" in parsed && name !== "" && draft.date !== "" && draft.categoryId !== null) {
    const { currency, date, categoryId } = draft;
    return { expense: { amount: parsed.exact, currency, date, name, categoryId, ...(note === "" ? {} : { note }) } };
  }
  return {
    problems: {
      ...("problem" in parsed ? { amount: AMOUNT_WORDS[parsed.problem] } : {}),
      ...(name === "" ? { name: "Say what it was for." } : {}),
      ...(draft.date === "" ? { date: "Choose a day." } : {}),
      ...(draft.categoryId === null ? { categoryId: "Choose a category." } : {}),
    },
  };
}

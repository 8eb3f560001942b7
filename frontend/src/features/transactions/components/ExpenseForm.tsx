import { Button, Group, Stack, Textarea, TextInput } from "@mantine/core";
import { type SubmitEvent, useState } from "react";

import { AmountInput } from "@/components/AmountInput";
import { CategorySelect } from "@/components/CategorySelect";
import { CurrencySelect } from "@/components/CurrencySelect";
import { useFocusOnProblem } from "@/components/use-focus-on-problem";
import { addExpense, type NewExpense } from "@/features/transactions/api/add-expense";
import {
  checkDraft,
  EARLIEST,
  latestDay,
  type DraftProblems,
  type ExpenseDraft,
} from "@/features/transactions/expense-draft";
import { IdempotencyKeys } from "@/lib/api/idempotency";
import { useCategories } from "@/lib/categories/use-categories";
import { useEdit } from "@/lib/live/edits";
import { dayOf } from "@/lib/months";
import { useServices } from "@/lib/services";
import { toast } from "@/lib/toasts";

export interface ExpenseFormProps {
  currencies: readonly string[];
  onDone: () => void;
}

function blank(currency: string): ExpenseDraft {
  return { amount: "", currency, date: dayOf(new Date()), name: "", categoryId: null, note: "" };
}

export function ExpenseForm({ currencies, onDone }: ExpenseFormProps) {
  const { api } = useServices();
  const categories = useCategories();
  const [draft, setDraft] = useState(() => blank(currencies[0] ?? "USD"));
  const [problems, setProblems] = useState<DraftProblems>({});
  const [keys] = useState(() => new IdempotencyKeys());
  const add = useEdit({
    send: (expense: NewExpense) => addExpense(api, expense, keys.for(expense)),
    onAnswer: (_answer, { name }) => {
      toast(`Added ${name}`);
      onDone();
    },
    intent: (expense) => ({ id: keys.for(expense), kind: "add-expense", body: { ...expense } }),
    onKept: onDone,
    trouble: "The expense was not added",
  });

  const form = useFocusOnProblem(problems);
  const set = (part: Partial<ExpenseDraft>) => setDraft((before) => ({ ...before, ...part }));
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const checked = checkDraft(draft);
    setProblems("problems" in checked ? checked.problems : {});
    if ("expense" in checked) add.mutate(checked.expense);
  };

  return (
    <form onSubmit={submit} ref={form} noValidate>
      <Stack>
        <Group align="flex-start" wrap="nowrap">
          <AmountInput
            value={draft.amount}
            onChange={(event) => set({ amount: event.currentTarget.value })}
            error={problems.amount}
            className="grow"
            data-autofocus
          />
          <CurrencySelect
            inUse={currencies}
            value={draft.currency}
            onChange={(currency) => set({ currency: currency ?? draft.currency })}
          />
        </Group>
        <TextInput
          label="What for"
          placeholder="Market, taxi, haircut"
          value={draft.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
          error={problems.name}
          maxLength={200}
          dir="auto"
        />
        <CategorySelect
          label="Category"
          categories={categories}
          value={draft.categoryId}
          onChange={(categoryId) => set({ categoryId })}
          error={problems.categoryId}
        />
        <TextInput
          type="date"
          label="Day"
          min={EARLIEST}
          max={latestDay()}
          value={draft.date}
          onChange={(event) => set({ date: event.currentTarget.value })}
          error={problems.date}
        />
        <Textarea
          label="Note"
          description="Only you see it"
          value={draft.note}
          onChange={(event) => set({ note: event.currentTarget.value })}
          maxLength={500}
          autosize
          dir="auto"
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending}>
            Add expense
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

import { Button, Group, Modal, Stack } from "@mantine/core";
import { type SubmitEvent, useMemo, useState } from "react";

import { AMOUNT_WORDS, AmountInput } from "@/components/AmountInput";
import { CategorySelect } from "@/components/CategorySelect";
import { CurrencySelect } from "@/components/CurrencySelect";
import { useFocusOnProblem } from "@/components/use-focus-on-problem";
import { addBudget, type NewBudget } from "@/features/budgets/api/add-budget";
import { changeBudget } from "@/features/budgets/api/change-budget";
import { IdempotencyKeys } from "@/lib/api/idempotency";
import type { Categories } from "@/lib/categories/categories";
import type { BudgetProgress } from "@/lib/documents";
import { useEdit } from "@/lib/live/edits";
import { asTyped, parseAmount } from "@/lib/money";
import type { Month } from "@/lib/months";
import { useServices } from "@/lib/services";

export interface BudgetDialogProps {
  opened: boolean;
  onClose: () => void;
  month: Month;
  currencies: readonly string[];
  categories: Categories;
  /** Whose it is; null: the person's own. */
  household: string | null;
  /** The budget to change; null sets a new one. */
  budget: BudgetProgress | null;
}

export function BudgetDialog({ opened, onClose, budget, ...rest }: BudgetDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={budget === null ? "Set a budget" : "Change the budget"} centered>
      <BudgetForm budget={budget} onDone={onClose} {...rest} />
    </Modal>
  );
}

type FormProps = Omit<BudgetDialogProps, "opened" | "onClose"> & { onDone: () => void };

function BudgetForm({ month, currencies, categories, household, budget, onDone }: FormProps) {
  const { api, live } = useServices();
  const offered = useMemo(() => (household === null ? categories : taxonomyOf(categories)), [categories, household]);
  const [categoryId, setCategoryId] = useState<string | null>(budget?.categoryId ?? null);
  const [currency, setCurrency] = useState(budget?.currency ?? currencies[0] ?? "USD");
  const [amount, setAmount] = useState(budget === null ? "" : asTyped(budget.limit));
  const [trouble, setTrouble] = useState<{ amount?: string; category?: string }>({});
  const [keys] = useState(() => new IdempotencyKeys());
  const save = useEdit({
    send: (wish: NewBudget) =>
      budget === null
        ? addBudget(api, household, wish, keys.for(wish))
        : changeBudget(api, household, budget.budgetId, wish.limit),
    guess: () => ({
      path: budget === null || household !== null ? null : live.documentPath("budgets", budget.budgetId),
      change: {},
    }),
    ...(household === null ? { intent: (wish: NewBudget) => intentOf(wish, budget, keys) } : {}),
    trouble: "The budget was not saved",
    onKept: onDone,
    onAnswer: onDone,
  });

  const form = useFocusOnProblem(trouble);
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const parsed = parseAmount(amount, currency);
    const problems = {
      ...("problem" in parsed ? { amount: AMOUNT_WORDS[parsed.problem] } : {}),
      ...(categoryId === null ? { category: "Choose a category." } : {}),
    };
    setTrouble(problems);
    if ("problem" in parsed || categoryId === null) return;
    save.mutate({ categoryId, currency, limit: parsed.exact, startsMonth: month });
  };

  return (
    <form onSubmit={submit} ref={form} noValidate>
      <Stack>
        <CategorySelect
          label="Category"
          categories={offered}
          value={categoryId}
          onChange={setCategoryId}
          error={trouble.category}
          disabled={budget !== null}
          {...(budget === null ? { "data-autofocus": true } : {})}
        />
        <Group align="flex-start" wrap="nowrap">
          <AmountInput
            label="Each month"
            value={amount}
            onChange={(event) => setAmount(event.currentTarget.value)}
            error={trouble.amount}
            className="grow"
            {...(budget === null ? {} : { "data-autofocus": true })}
          />
          <CurrencySelect
            inUse={currencies}
            value={currency}
            onChange={(value) => setCurrency(value ?? currency)}
            disabled={budget !== null}
          />
        </Group>
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending}>
            Save budget
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** A household's budgets are for what all members have. */
function taxonomyOf(categories: Categories): Categories {
  return { ...categories, all: categories.all.filter(({ own }) => !own) };
}

function intentOf(wish: NewBudget, budget: BudgetProgress | null, keys: IdempotencyKeys) {
  if (budget === null) return { id: keys.for(wish), kind: "add-budget", body: { ...wish } };
  return { kind: "change-budget", body: { budgetId: budget.budgetId, limit: wish.limit } };
}

import { Button, Group, Menu, Progress, Stack, Text } from "@mantine/core";
import { Target } from "lucide-react";
import { useState } from "react";

import { CategoryIcon } from "@/components/CategoryIcon";
import { MoreMenu } from "@/components/MoreMenu";
import { Panel } from "@/components/Panel";
import { deleteBudget } from "@/features/budgets/api/delete-budget";
import { BudgetDialog } from "@/features/budgets/components/BudgetDialog";
import { budgetsIn } from "@/features/budgets/progress";
import type { Categories } from "@/lib/categories/categories";
import { useCategories } from "@/lib/categories/use-categories";
import { type Budget, type BudgetProgress, budgetSchema, type MonthTotals } from "@/lib/documents";
import { useEdit } from "@/lib/live/edits";
import { type Read, useDocuments } from "@/lib/live/hooks";
import { formatMoney, percentOf } from "@/lib/money";
import type { Month } from "@/lib/months";
import { useServices } from "@/lib/services";

export interface BudgetsPanelProps {
  month: Month;
  totals: MonthTotals | undefined;
  currencies: readonly string[];
  documents: readonly Read<Budget>[];
  categories: Categories;
  /** Whose they are; null: the person's own. */
  household: string | null;
}

/** The person's own budgets. */
export function OwnBudgetsPanel(shown: Omit<BudgetsPanelProps, "documents" | "categories" | "household">) {
  const { documents } = useDocuments("budgets", budgetSchema);
  return <BudgetsPanel documents={documents} categories={useCategories()} household={null} {...shown} />;
}

type Dialog = { readonly budget: BudgetProgress | null } | null;

/** A month's budgets with what was spent, and the way to set one. */
export function BudgetsPanel({ month, totals, currencies, documents, categories, household }: BudgetsPanelProps) {
  const budgets = budgetsIn(month, totals, documents);
  const [dialog, setDialog] = useState<Dialog>(null);
  return (
    <Panel
      title="Budgets"
      actions={
        <Button
          variant="default"
          size="xs"
          leftSection={<Target size={14} aria-hidden />}
          onClick={() => setDialog({ budget: null })}
        >
          Set a budget
        </Button>
      }
    >
      {budgets.length === 0 ? (
        <Text size="sm" c="dimmed">
          Set a monthly limit for a category and watch it fill up.
        </Text>
      ) : (
        <Stack component="ul" className="plain-list" aria-label="Budgets" gap="md">
          {budgets.map((budget) => (
            <BudgetLine
              key={budget.budgetId}
              budget={budget}
              name={categories.find(budget.categoryId).name}
              household={household}
              onChange={() => setDialog({ budget })}
            />
          ))}
        </Stack>
      )}
      <BudgetDialog
        opened={dialog !== null}
        onClose={() => setDialog(null)}
        month={month}
        currencies={currencies}
        categories={categories}
        household={household}
        budget={dialog?.budget ?? null}
      />
    </Panel>
  );
}

interface BudgetLineProps {
  budget: BudgetProgress;
  name: string;
  household: string | null;
  onChange: () => void;
}

function BudgetLine({ budget, name, household, onChange }: BudgetLineProps) {
  const over = budget.spentMinor > budget.limitMinor;
  const spent = formatMoney(budget.spent, budget.currency);
  const limit = formatMoney(budget.limit, budget.currency);
  return (
    <li data-budget={budget.budgetId} data-minor={budget.spentMinor}>
      <Group wrap="nowrap" gap="sm">
        <CategoryIcon categoryId={budget.categoryId} />
        <div className="grow">
          <Group justify="space-between" gap="xs" align="baseline">
            <Text fw={500} dir="auto" className="truncate">
              {name}
            </Text>
            <Text size="sm" {...(over ? { c: "var(--money-over)", fw: 600 } : {})}>
              <bdi>{spent}</bdi> of <bdi>{limit}</bdi>
              {over && ", over"}
            </Text>
          </Group>
          <Progress
            mt={6}
            value={percentOf(budget.spentMinor, budget.limitMinor)}
            color={over ? "red" : "teal"}
            aria-label={`${name}: ${spent} of ${limit}${over ? ", over budget" : ""}`}
          />
        </div>
        <BudgetMenu budget={budget} name={name} household={household} onChange={onChange} />
      </Group>
    </li>
  );
}

function BudgetMenu({ budget, name, household, onChange }: BudgetLineProps) {
  const { api, live } = useServices();
  const remove = useEdit({
    send: () => deleteBudget(api, household, budget.budgetId),
    guess: () => ({ path: household === null ? live.documentPath("budgets", budget.budgetId) : null, change: {} }),
    ...(household === null ? { intent: () => ({ kind: "remove-budget", body: { budgetId: budget.budgetId } }) } : {}),
    trouble: "The budget was not deleted",
  });
  return (
    <MoreMenu label={`More for the budget ${name}`}>
      <Menu.Item onClick={onChange}>Change the limit</Menu.Item>
      <Menu.Item c="red" onClick={() => remove.mutate(undefined)}>
        Delete the budget
      </Menu.Item>
    </MoreMenu>
  );
}

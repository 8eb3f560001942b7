import { Button, Group, Menu, Progress, Stack, Text } from "@mantine/core";
import { Target } from "lucide-react";
import { useState } from "react";

import { CategoryIcon } from "@/components/CategoryIcon";
import { MoreMenu } from "@/components/MoreMenu";
import { Panel } from "@/components/Panel";
import { deleteBudget } from "@/features/budgets/api/delete-budget";
import { BudgetDialog } from "@/features/budgets/components/BudgetDialog";
import { budgetsIn } from "@/features/budgets/progress";
import { useCategories } from "@/lib/categories/use-categories";
import { type BudgetProgress, budgetSchema, type MonthTotals } from "@/lib/documents";
import { useEdit } from "@/lib/live/edits";
import { useDocuments } from "@/lib/live/hooks";
import { formatMoney, percentOf } from "@/lib/money";
import type { Month } from "@/lib/months";
import { useServices } from "@/lib/services";

export interface BudgetsPanelProps {
  month: Month;
  totals: MonthTotals | undefined;
  currencies: readonly string[];
}

type Dialog = { readonly budget: BudgetProgress | null } | null;

export function BudgetsPanel({ month, totals, currencies }: BudgetsPanelProps) {
  const { documents } = useDocuments("budgets", budgetSchema);
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
            <BudgetLine key={budget.budgetId} budget={budget} onChange={() => setDialog({ budget })} />
          ))}
        </Stack>
      )}
      <BudgetDialog
        opened={dialog !== null}
        onClose={() => setDialog(null)}
        month={month}
        currencies={currencies}
        budget={dialog?.budget ?? null}
      />
    </Panel>
  );
}

function BudgetLine({ budget, onChange }: { budget: BudgetProgress; onChange: () => void }) {
  const { name } = useCategories().find(budget.categoryId);
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
        <BudgetMenu budget={budget} name={name} onChange={onChange} />
      </Group>
    </li>
  );
}

function BudgetMenu({ budget, name, onChange }: { budget: BudgetProgress; name: string; onChange: () => void }) {
  const { api, live } = useServices();
  const remove = useEdit({
    send: () => deleteBudget(api, budget.budgetId),
    guess: () => ({ path: live.documentPath("budgets", budget.budgetId), change: {} }),
    intent: () => ({ kind: "remove-budget", body: { budgetId: budget.budgetId } }),
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

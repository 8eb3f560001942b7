import { Alert, Button, Grid, Group, Stack } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { DoorClosed } from "lucide-react";
import { useEffect, useMemo } from "react";

import { BudgetsPanel } from "@/features/budgets/components/BudgetsPanel";
import { SharedRows } from "@/features/household/components/SharedRows";
import { ReceiptBadge } from "@/features/receipt/components/ReceiptBadge";
import { SpendPanel } from "@/features/spending/components/SpendPanel";
import { mergeCategories } from "@/lib/categories/categories";
import { useCategories } from "@/lib/categories/use-categories";
import { currenciesInUse } from "@/lib/currencies";
import { budgetSchema, categorySchema, memberSchema, monthSchema, sharedTransactionSchema } from "@/lib/documents";
import { readAs } from "@/lib/live/hooks";
import { useShared } from "@/lib/live/shared";
import type { Month } from "@/lib/months";

export interface HouseholdMonthProps {
  household: string;
  month: Month;
  /** Whether the person is in it, as far as the API has told; Firestore learns of a new member a moment later. */
  member: boolean;
  onLeave: () => void;
}

/** A month of what the members of a household show each other, live. */
export function HouseholdMonth({ household, month, member, onLeave }: HouseholdMonthProps) {
  const months = useShared(household, "months");
  const rows = useShared(household, "transactions", month);
  const members = useShared(household, "members");
  const names = useShared(household, "categories");
  const budgets = useShared(household, "budgets");
  const own = useCategories();
  const categories = useMemo(() => {
    const theirs = names.documents.flatMap((one) => readAs(categorySchema, one));
    const known = theirs.map(({ id, data }) => ({ id, name: data.name, own: true, excluded: false }));
    return mergeCategories(own.all, known, true);
  }, [own, names]);
  const people = useMemo(() => {
    const read = members.documents.flatMap((one) => readAs(memberSchema, one));
    return new Map(read.map(({ id, data }) => [id, data.displayName ?? "A member"]));
  }, [members]);
  const found = months.documents.find(({ id }) => id === month);
  const totals = found && readAs(monthSchema, found)[0];
  const queries = useQueryClient();
  useEffect(() => {
    if (months.refused) void queries.invalidateQueries({ queryKey: ["households"] });
  }, [months.refused, queries]);
  if (months.refused && !member) {
    return (
      <Alert color="gray" role="status" icon={<DoorClosed size={18} />}>
        <Group justify="space-between">
          You are not a member of this household any more.
          <Button variant="default" size="xs" onClick={onLeave}>
            Show my own
          </Button>
        </Group>
      </Alert>
    );
  }
  return (
    <Grid gap="md">
      <Grid.Col span={{ base: 12, md: 5 }}>
        <Stack gap="md">
          <Group justify="flex-end">
            <ReceiptBadge
              shown={{
                ...{ month, totals, documents: rows.documents, limit: rows.limit, household },
                sure: rows.settled && !rows.refused && months.settled,
              }}
            />
          </Group>
          <SpendPanel
            month={month}
            totals={totals}
            settled={months.settled && !months.refused}
            categories={categories}
          />
          <BudgetsPanel
            month={month}
            totals={totals?.data}
            currencies={currenciesInUse(totals?.data.currencies ?? {}, [])}
            documents={budgets.documents.flatMap((one) => readAs(budgetSchema, one))}
            categories={categories}
            household={household}
          />
        </Stack>
      </Grid.Col>
      <Grid.Col span={{ base: 12, md: 7 }}>
        <SharedRows
          rows={rows.documents.flatMap((one) => readAs(sharedTransactionSchema, one))}
          members={people}
          categories={categories}
          settled={rows.settled && !rows.refused}
        />
      </Grid.Col>
    </Grid>
  );
}

import { Alert, Grid } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { DoorClosed } from "lucide-react";
import { useEffect, useMemo } from "react";

import { SharedRows } from "@/features/household/components/SharedRows";
import { SpendPanel } from "@/features/spending/components/SpendPanel";
import { mergeCategories } from "@/lib/categories/categories";
import { useCategories } from "@/lib/categories/use-categories";
import { categorySchema, memberSchema, monthSchema, sharedTransactionSchema } from "@/lib/documents";
import { readAs } from "@/lib/live/hooks";
import { useShared } from "@/lib/live/shared";
import type { Month } from "@/lib/months";

/** A month of what the members of a household show each other, live. */
export function HouseholdMonth({ household, month }: { household: string; month: Month }) {
  const months = useShared(household, "months", month);
  const rows = useShared(household, "transactions", month);
  const members = useShared(household, "members", month);
  const names = useShared(household, "categories", month);
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
  const queries = useQueryClient();
  useEffect(() => {
    if (months.refused) void queries.invalidateQueries({ queryKey: ["households"] });
  }, [months.refused, queries]);
  if (months.refused) {
    return (
      <Alert color="gray" icon={<DoorClosed size={18} />}>
        You are not a member of this household any more.
      </Alert>
    );
  }
  const totals = months.documents.find(({ id }) => id === month);
  return (
    <Grid gap="md">
      <Grid.Col span={{ base: 12, md: 5 }}>
        <SpendPanel
          month={month}
          totals={totals && readAs(monthSchema, totals)[0]}
          settled={months.settled}
          categories={categories}
        />
      </Grid.Col>
      <Grid.Col span={{ base: 12, md: 7 }}>
        <SharedRows
          rows={rows.documents.flatMap((one) => readAs(sharedTransactionSchema, one))}
          members={people}
          categories={categories}
        />
      </Grid.Col>
    </Grid>
  );
}

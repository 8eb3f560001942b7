import { Alert, Button, Center, Group, Skeleton, Stack, Text } from "@mantine/core";
import { CircleAlert, Receipt } from "lucide-react";
import { useCallback, useRef } from "react";

import { EmptyState } from "@/components/EmptyState";
import { Panel } from "@/components/Panel";
import { AddExpense } from "@/features/transactions/components/AddExpense";
import { TransactionRow } from "@/features/transactions/components/TransactionRow";
import { byDay, type Day, type Row } from "@/features/transactions/rows";
import { useDeleteExpense } from "@/features/transactions/use-delete-expense";
import { type MonthRows, useMonthRows } from "@/features/transactions/use-month-rows";
import { type Account, accountSchema, type MonthTotals } from "@/lib/documents";
import { type Read, useDocuments, useHiddenPaths } from "@/lib/live/hooks";
import { dayName, type Month } from "@/lib/months";

export interface TransactionsPanelProps {
  month: Month;
  totals: Read<MonthTotals> | undefined;
  archived: boolean;
  currencies: readonly string[];
}

export function TransactionsPanel({ month, totals, archived, currencies }: TransactionsPanelProps) {
  const page = useMonthRows(month, totals, archived);
  return (
    <Panel title="Transactions" actions={<AddExpense currencies={currencies} />}>
      <Content rows={page} />
      {archived && page.rows.length > 0 && (
        <Text size="xs" c="dimmed" mt="md">
          An older month, read from the archive.
        </Text>
      )}
    </Panel>
  );
}

function Content({ rows }: { rows: MonthRows }) {
  const hidden = useHiddenPaths();
  if (rows.failed && rows.rows.length === 0) {
    return (
      <Alert color="red" icon={<CircleAlert size={18} />}>
        The transactions cannot be read right now. Livespend keeps trying.
      </Alert>
    );
  }
  if (!rows.settled) return <Loading />;
  const days = byDay(rows.rows, hidden);
  if (days.length === 0) {
    return (
      <EmptyState icon={Receipt} title="No transactions">
        What you pay appears here by itself, moments after your bank knows.
      </EmptyState>
    );
  }
  return (
    <>
      <Days days={days} />
      {rows.hasMore && (
        <Center mt="md">
          <Button variant="default" onClick={rows.showMore} loading={rows.loadingMore}>
            Show more
          </Button>
        </Center>
      )}
    </>
  );
}

function Days({ days }: { days: readonly Day[] }) {
  const accounts = useDocuments("accounts", accountSchema).documents;
  const names = new Map(accounts.map(({ id, data }) => [id, accountName(data)]));
  const { mutate } = useDeleteExpense();
  const list = useRef<HTMLDivElement>(null);
  const remove = useCallback(
    (row: Row) => {
      mutate(row);
      // The button that had the focus goes with its row.
      requestAnimationFrame(() => list.current?.focus());
    },
    [mutate],
  );
  return (
    <Stack gap="md" ref={list} tabIndex={-1} className="quiet-focus">
      {days.map(({ date, rows }) => (
        <section key={date} aria-label={date === null ? "Without a day" : dayName(date)}>
          <Text component="h3" size="sm" fw={600} c="dimmed" mb={4}>
            {date === null ? "Without a day" : dayName(date)}
          </Text>
          <ul className="plain-list">
            {rows.map((row) => (
              <TransactionRow key={row.path} row={row} accountName={nameFor(row, names)} onDelete={remove} />
            ))}
          </ul>
        </section>
      ))}
    </Stack>
  );
}

function nameFor(row: Row, names: ReadonlyMap<string, string>): string | null {
  const accountId = row.transaction?.accountId;
  return accountId ? (names.get(accountId) ?? null) : null;
}

function accountName(account: Account): string {
  return account.mask === null ? account.name : `${account.name} ··${account.mask}`;
}

function Loading() {
  return (
    <Stack aria-busy="true" aria-label="Loading">
      {[0, 1, 2, 3].map((line) => (
        <Group key={line} wrap="nowrap">
          <Skeleton h={34} w={34} radius="md" />
          <Skeleton h={20} />
        </Group>
      ))}
    </Stack>
  );
}

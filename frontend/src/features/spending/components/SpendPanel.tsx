import { Alert, Divider, Group, Skeleton, Stack, Text } from "@mantine/core";
import { CalendarX2, Hourglass } from "lucide-react";
import { Fragment } from "react";

import { EmptyState } from "@/components/EmptyState";
import { Money } from "@/components/Money";
import { Panel } from "@/components/Panel";
import { CurrencySection } from "@/features/spending/components/CurrencySection";
import { currenciesOf } from "@/features/spending/ranking";
import type { Categories } from "@/lib/categories/categories";
import { useCategories } from "@/lib/categories/use-categories";
import type { MonthTotals } from "@/lib/documents";
import type { Read } from "@/lib/live/hooks";
import { versionText } from "@/lib/live/versions";
import { momentName, type Month, monthName } from "@/lib/months";

export interface SpendPanelProps {
  month: Month;
  totals: Read<MonthTotals> | undefined;
  settled: boolean;
  /** Names of categories, where they are not the person's own. */
  categories?: Categories | undefined;
}

/** The month's totals, exactly as the month document has them. */
export function SpendPanel({ month, totals, settled, categories }: SpendPanelProps) {
  const own = useCategories();
  return (
    <Panel title={`Spent in ${monthName(month)}`}>
      {totals === undefined ? (
        <NothingIn month={month} settled={settled} />
      ) : (
        <Totals totals={totals} categories={categories ?? own} />
      )}
    </Panel>
  );
}

function NothingIn({ month, settled }: { month: Month; settled: boolean }) {
  if (!settled) {
    return (
      <Stack aria-busy="true" aria-label="Loading">
        <Skeleton h={36} w={160} />
        <Skeleton h={24} />
        <Skeleton h={24} />
      </Stack>
    );
  }
  return (
    <EmptyState icon={CalendarX2} title={`Nothing in ${monthName(month)}`}>
      No money has moved this month, as far as your banks have told us and you have noted down.
    </EmptyState>
  );
}

function Totals({ totals: { path, data }, categories }: { totals: Read<MonthTotals>; categories: Categories }) {
  const currencies = currenciesOf(data);
  return (
    <Stack data-path={path} data-version={versionText(data.version)} gap="lg">
      {!data.complete && (
        <Alert color="yellow" icon={<Hourglass size={18} />}>
          This month is still being brought over. Its totals are not complete yet.
        </Alert>
      )}
      {currencies.map(([currency, totals], index) => (
        <Fragment key={currency}>
          {index > 0 && <Divider />}
          <CurrencySection currency={currency} totals={totals} categories={categories} />
        </Fragment>
      ))}
      <Unofficial totals={data.unofficial} />
      {data.reflectsAt !== null && (
        <Text size="xs" c="dimmed">
          Last changed {momentName(data.reflectsAt.toDate())}
        </Text>
      )}
    </Stack>
  );
}

/** Shown, but in no total: nobody says officially what these are worth. */
function Unofficial({ totals }: { totals: MonthTotals["unofficial"] }) {
  const entries = Object.entries(totals);
  if (entries.length === 0) return null;
  return (
    <section aria-label="Unofficial currencies">
      <Divider label="Unofficial currencies, in no total" labelPosition="left" mb="sm" />
      <Stack component="ul" className="plain-list" gap="xs">
        {entries.map(([currency, { spend, count }]) => (
          <Group component="li" key={currency} justify="space-between" data-currency={currency}>
            <Text>
              <bdi>{currency}</bdi>
            </Text>
            <Text fw={600} title={`${count}`}>
              <Money exact={spend} currency={null} unofficialCurrency={currency} />
            </Text>
          </Group>
        ))}
      </Stack>
    </section>
  );
}

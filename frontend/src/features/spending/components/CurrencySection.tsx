import { Box, Divider, Group, Text } from "@mantine/core";

import { Money } from "@/components/Money";
import { CategoryBars } from "@/features/spending/components/CategoryBars";
import { ranked, transactionCount } from "@/features/spending/ranking";
import type { Categories } from "@/lib/categories/categories";
import type { CurrencyTotals } from "@/lib/documents";
import { formatMoney } from "@/lib/money";

export interface CurrencySectionProps {
  currency: string;
  totals: CurrencyTotals;
  categories: Categories;
}

/** A month in one currency: what was spent, on what, and what does not count as spending. */
export function CurrencySection({ currency, totals, categories }: CurrencySectionProps) {
  const spend = ranked(totals.categories);
  const outside = ranked(totals.outside);
  const written = formatMoney(totals.spend, currency, totals.digits);
  const shared = { currency, digits: totals.digits, categories };
  return (
    <section
      className="measured"
      aria-label={`Spending in ${currency}`}
      data-currency={currency}
      data-minor={totals.spendMinor}
    >
      <Group justify="space-between" align="baseline" mb="md">
        <Text className="headline" style={{ "--letters": written.length }}>
          <Money exact={totals.spend} currency={currency} digits={totals.digits} />
        </Text>
        <Text size="sm" c="dimmed">
          {transactionCount(totals.count)}
          {totals.pendingCount > 0 && `, ${totals.pendingCount} pending`}
        </Text>
      </Group>
      <CategoryBars rows={spend} label={`Spending by category in ${currency}`} {...shared} />
      {outside.length > 0 && (
        <Box mt="lg">
          <Divider label="Not counted as spending" labelPosition="left" mb="sm" />
          <CategoryBars rows={outside} label={`Outside spending in ${currency}`} withBars={false} {...shared} />
        </Box>
      )}
    </section>
  );
}

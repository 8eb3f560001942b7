import { Box, Group, Stack, Text } from "@mantine/core";

import { CategoryIcon } from "@/components/CategoryIcon";
import { lookOf } from "@/components/category-looks";
import { Money } from "@/components/Money";
import { type Ranked, transactionCount } from "@/features/spending/ranking";
import type { Categories } from "@/lib/categories/categories";
import { percentOf } from "@/lib/money";

export interface CategoryBarsProps {
  rows: readonly Ranked[];
  currency: string;
  digits: number;
  categories: Categories;
  label: string;
  /** Totals outside spend are not compared with one another. */
  withBars?: boolean;
}

/** One line per category, its bar in proportion to the largest. */
export function CategoryBars({ rows, currency, digits, categories, label, withBars = true }: CategoryBarsProps) {
  const largest = rows[0]?.total.minor ?? 0;
  return (
    <Stack component="ul" gap="sm" className="plain-list" aria-label={label}>
      {rows.map(({ categoryId, total }) => (
        <li key={categoryId} data-category={categoryId} data-currency={currency} data-minor={total.minor}>
          <Group wrap="nowrap" gap="sm">
            <CategoryIcon categoryId={categoryId} />
            <Box className="grow">
              <Group justify="space-between" wrap="nowrap" gap="xs" align="baseline">
                <Text fw={500} dir="auto" className="truncate" title={transactionCount(total.count)}>
                  {categories.find(categoryId).name}
                </Text>
                <Text fw={600} className="no-break">
                  <Money exact={total.amount} currency={currency} digits={digits} />
                </Text>
              </Group>
              {withBars && (
                <Box className="bar" aria-hidden>
                  <Box
                    className="bar-fill"
                    bg={`${lookOf(categoryId).color}.6`}
                    style={{ inlineSize: `${percentOf(total.minor, largest)}%` }}
                  />
                </Box>
              )}
            </Box>
          </Group>
        </li>
      ))}
    </Stack>
  );
}

import { Badge, Group, Skeleton, Stack, Text } from "@mantine/core";
import { Users } from "lucide-react";

import { CategoryIcon } from "@/components/CategoryIcon";
import { EmptyState } from "@/components/EmptyState";
import { Money } from "@/components/Money";
import { Panel } from "@/components/Panel";
import type { Categories } from "@/lib/categories/categories";
import type { SharedTransaction } from "@/lib/documents";
import type { Read } from "@/lib/live/hooks";
import { versionText } from "@/lib/live/versions";
import { shortDayName } from "@/lib/months";

export interface SharedRowsProps {
  rows: readonly Read<SharedTransaction>[];
  /** Names of members, by their ids. */
  members: ReadonlyMap<string, string>;
  categories: Categories;
  settled: boolean;
}

/** What the members of a household show each other, newest first. */
export function SharedRows({ rows, members, categories, settled }: SharedRowsProps) {
  return (
    <Panel title="Shared transactions">
      {rows.length === 0 && !settled && (
        <Stack aria-busy="true" aria-label="Loading">
          <Skeleton h={40} />
          <Skeleton h={40} />
        </Stack>
      )}
      {rows.length === 0 && settled && (
        <EmptyState icon={Users} title="Nothing shared in this month">
          Each member chooses what to show here, under &ldquo;Households&rdquo;.
        </EmptyState>
      )}
      {rows.length > 0 && (
        <Stack component="ul" className="plain-list" gap="sm">
          {rows.map((row) => (
            <SharedRow key={row.path} row={row} member={members.get(row.data.memberId)} categories={categories} />
          ))}
        </Stack>
      )}
    </Panel>
  );
}

interface SharedRowProps {
  row: Read<SharedTransaction>;
  member: string | undefined;
  categories: Categories;
}

function SharedRow({ row: { path, data }, member, categories }: SharedRowProps) {
  return (
    <Group
      component="li"
      justify="space-between"
      wrap="nowrap"
      data-path={path}
      data-version={versionText(data.version)}
    >
      <Group wrap="nowrap" gap="sm">
        <CategoryIcon categoryId={data.categoryId} />
        <div>
          <Text>
            <bdi>{data.merchantName ?? data.name}</bdi>
          </Text>
          <Text size="sm" c="dimmed">
            {shortDayName(data.date)} · {categories.find(data.categoryId).name} · <bdi>{member ?? "A member"}</bdi>
          </Text>
        </div>
      </Group>
      <Group wrap="nowrap" gap="xs">
        {data.pending && <Badge variant="light">Pending</Badge>}
        <Text fw={600}>
          <Money
            exact={data.amount}
            currency={data.currency}
            unofficialCurrency={data.unofficialCurrency}
            digits={data.currencyDigits}
          />
        </Text>
      </Group>
    </Group>
  );
}

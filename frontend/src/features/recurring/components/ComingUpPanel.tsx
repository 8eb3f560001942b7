import { Badge, Group, Stack, Text } from "@mantine/core";

import { CategoryIcon } from "@/components/CategoryIcon";
import { Money } from "@/components/Money";
import { Panel } from "@/components/Panel";
import { type Coming, comingDay, comingUp } from "@/features/recurring/coming-up";
import { recurringSchema } from "@/lib/documents";
import { useDocuments } from "@/lib/live/hooks";
import { useMinute } from "@/lib/moments";
import { dayOf } from "@/lib/months";

/** Payments that are expected soon, as the bank's data predicts them; absent while there are none. */
export function ComingUpPanel() {
  const { documents } = useDocuments("recurring", recurringSchema);
  const today = dayOf(useMinute());
  const coming = comingUp(documents, today);
  if (coming.length === 0) return null;
  return (
    <Panel title="Coming up">
      <Stack component="ul" className="plain-list" gap="sm" aria-label="Payments coming up">
        {coming.map((one) => (
          <ComingLine key={one.path} coming={one} today={today} />
        ))}
      </Stack>
    </Panel>
  );
}

function ComingLine({ coming, today }: { coming: Coming; today: string }) {
  const { path, name, date, income, amount, stream } = coming;
  return (
    <Group component="li" wrap="nowrap" gap="sm" data-path={path}>
      <CategoryIcon categoryId={stream.categoryId} />
      <div className="shrink grow">
        <Text size="sm" fw={500} dir="auto" className="truncate" title={stream.description}>
          {name}
        </Text>
        <Group gap={6}>
          <Text size="xs" c="dimmed">
            {comingDay(date, today)}
          </Text>
          {income && (
            <Badge size="xs" variant="light" color="green">
              Income
            </Badge>
          )}
        </Group>
      </div>
      {amount !== null && (
        <Text size="sm" fw={600} className="no-break">
          <Money
            exact={amount}
            currency={stream.currency}
            unofficialCurrency={stream.unofficialCurrency}
            digits={stream.currencyDigits}
          />
        </Text>
      )}
    </Group>
  );
}

import { Anchor, Group, Popover, Stack, Text } from "@mantine/core";

import { Money } from "@/components/Money";
import { gapWords } from "@/features/banks/gap-words";
import type { Account, Transaction } from "@/lib/documents";
import { useLoadedTransactions } from "@/lib/live/hooks";

/** What the transactions of an account do not explain of its balance, and where to look; nothing while they do. */
export function BalanceGap({ account }: { account: Account }) {
  const words = gapWords(account);
  if (words === null) return null;
  return (
    // The focus goes in, though there is nothing to press: Escape is only heard there, and a reader reads on there.
    <Popover width={300} position="bottom-start" withArrow shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Anchor component="button" type="button" size="xs" c="dimmed" underline="always" ta="start">
          {words.line}
        </Anchor>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs">
          <Text size="sm">{words.says}</Text>
          <Text size="sm">{words.why}</Text>
          {account.gapLikely.length > 0 && <Likely ids={account.gapLikely} />}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

/** Only drawn while somebody looks, so that nobody else follows every change of the list. */
function Likely({ ids }: { ids: readonly string[] }) {
  const loaded = useLoadedTransactions(ids);
  return (
    <Stack component="ul" className="plain-list" gap={4} aria-label="Transactions to look at first">
      {ids.map((id, index) => (
        <Text component="li" size="sm" key={id}>
          <LikelyOne transaction={loaded[index]?.data ?? null} />
        </Text>
      ))}
    </Stack>
  );
}

function LikelyOne({ transaction }: { transaction: Transaction | null }) {
  if (transaction === null) return "an older transaction";
  const { merchantName, name, amount, currency, unofficialCurrency, currencyDigits } = transaction;
  return (
    <Group justify="space-between" wrap="nowrap" gap="sm">
      <span dir="auto" className="truncate shrink" title={name}>
        {merchantName ?? name}
      </span>
      <span className="no-break">
        <Money exact={amount} currency={currency} unofficialCurrency={unofficialCurrency} digits={currencyDigits} />
      </span>
    </Group>
  );
}

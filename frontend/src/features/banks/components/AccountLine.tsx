import { Badge, Group, Text } from "@mantine/core";

import { BalanceGap } from "@/features/banks/components/BalanceGap";
import type { Account } from "@/lib/documents";
import { formatMoney, formatUnofficial } from "@/lib/money";

/** An account and its balance; what is owed on a card or a loan says so. */
export function AccountLine({ account, path }: { account: Account; path: string }) {
  const owed = account.type === "credit" || account.type === "loan";
  return (
    <Group component="li" justify="space-between" wrap="nowrap" gap="sm" align="flex-start" data-path={path}>
      <div className="shrink">
        <Text size="sm" dir="auto" className="truncate" title={account.officialName ?? account.name}>
          {account.name}
        </Text>
        <Text size="xs" c="dimmed">
          {[account.subtype ?? account.type, account.mask === null ? null : `··${account.mask}`]
            .filter(Boolean)
            .join(" ")}
        </Text>
        {!account.closed && <BalanceGap account={account} />}
      </div>
      {account.closed ? (
        <Badge size="sm" variant="light" color="gray" className="no-shrink">
          Closed
        </Badge>
      ) : (
        <Text size="sm" ta="end" className="no-break" component="div">
          <Balance account={account} />
          {owed && (
            <Text size="xs" c="dimmed">
              owed
            </Text>
          )}
        </Text>
      )}
    </Group>
  );
}

function Balance({ account }: { account: Account }) {
  const { currency, unofficialCurrency, currencyDigits } = account;
  const exact = account.current ?? account.available;
  if (exact === null) return <Text c="dimmed">no balance</Text>;
  if (currency === null) return <bdi>{formatUnofficial(exact, unofficialCurrency ?? "")}</bdi>;
  return <bdi>{formatMoney(exact, currency, currencyDigits ?? undefined)}</bdi>;
}

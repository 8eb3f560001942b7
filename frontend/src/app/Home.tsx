import { AppShell, Container, Grid, Group, Stack, Title } from "@mantine/core";
import { useMemo } from "react";

import { HouseholdMonth } from "@/app/HouseholdMonth";
import { Outdated } from "@/app/Outdated";
import { Troubles } from "@/app/Troubles";
import { useMonth } from "@/app/use-month";
import { BanksPanel } from "@/features/banks/components/BanksPanel";
import { OwnBudgetsPanel } from "@/features/budgets/components/BudgetsPanel";
import { AddCategory } from "@/features/categories/components/AddCategory";
import { BuySomething } from "@/features/demo/components/BuySomething";
import { useHouseholds } from "@/features/household/api/list-households";
import { Households } from "@/features/household/components/Households";
import { HouseholdSwitch } from "@/features/household/components/HouseholdSwitch";
import { useLiveNames } from "@/features/household/use-live-names";
import { LiveIndicator } from "@/features/live/components/LiveIndicator";
import { useAcknowledgements } from "@/features/live/use-acknowledgements";
import { OwnReceiptBadge } from "@/features/receipt/components/ReceiptBadge";
import { ComingUpPanel } from "@/features/recurring/components/ComingUpPanel";
import { Rules } from "@/features/rules/components/Rules";
import { UserMenu } from "@/features/session/components/UserMenu";
import { MonthSwitcher } from "@/features/spending/components/MonthSwitcher";
import { SpendPanel } from "@/features/spending/components/SpendPanel";
import { TransactionsPanel } from "@/features/transactions/components/TransactionsPanel";
import { currenciesInUse } from "@/lib/currencies";
import { accountSchema } from "@/lib/documents";
import { useDocuments, useOutdated } from "@/lib/live/hooks";
import { useSearchParam } from "@/lib/search-params";
import { useServices } from "@/lib/services";

/** The one page of somebody signed in: a month of their money, and where it comes from. */
export function Home({ onSignOut }: { onSignOut: () => void }) {
  const outdated = useOutdated();
  if (outdated) return <Outdated />;
  return (
    <AppShell header={{ height: 60 }} padding="md">
      <AppShell.Header>
        <Header onSignOut={onSignOut} />
      </AppShell.Header>
      <AppShell.Main>
        <Container size="lg" px={0}>
          <Troubles />
          <Month />
        </Container>
      </AppShell.Main>
    </AppShell>
  );
}

function Header({ onSignOut }: { onSignOut: () => void }) {
  const { month, totals } = useMonth();
  const [household] = useSearchParam("household");
  useAcknowledgements();
  return (
    <Container size="lg" h="100%" px={{ base: "md", lg: 0 }}>
      <Group h="100%" justify="space-between" wrap="nowrap" gap="xs">
        <Group gap="xs" wrap="nowrap">
          <img src="/favicon.svg" width={28} height={28} alt="" />
          <Title order={1} size="h4" className="brand">
            Livespend
          </Title>
        </Group>
        <Group gap="sm" wrap="nowrap">
          {household === null && <OwnReceiptBadge month={month} totals={totals} />}
          <LiveIndicator />
          <UserMenu onSignOut={onSignOut} />
        </Group>
      </Group>
    </Container>
  );
}

function Month() {
  const { config } = useServices();
  const { month, current, known, totals, settled, archived, choose } = useMonth();
  const accounts = useDocuments("accounts", accountSchema);
  const { households } = useHouseholds();
  useLiveNames(households);
  const [household, show] = useSearchParam("household");
  const currencies = useMemo(
    () =>
      currenciesInUse(
        totals?.data.currencies ?? {},
        accounts.documents.map(({ data }) => data.currency),
      ),
    [totals, accounts],
  );
  return (
    <Stack gap="md">
      <Group justify="space-between" gap="xs">
        <MonthSwitcher month={month} current={current} known={known} onChange={choose} />
        <HouseholdSwitch households={households} shown={household} onChange={show} />
        <Group gap="xs">
          {config.bankUrl !== null && <BuySomething bankUrl={config.bankUrl} />}
          <AddCategory />
          <Rules />
          <Households shown={household} onShow={show} />
        </Group>
      </Group>
      {household !== null ? (
        <HouseholdMonth
          key={household}
          household={household}
          month={month}
          member={households.some(({ id }) => id === household)}
          onLeave={() => show(null)}
        />
      ) : (
        <Grid gap="md">
          <Grid.Col span={{ base: 12, md: 5 }}>
            <Stack gap="md">
              <SpendPanel month={month} totals={totals} settled={settled} />
              <OwnBudgetsPanel month={month} totals={totals?.data} currencies={currencies} />
              <ComingUpPanel />
              <BanksPanel />
            </Stack>
          </Grid.Col>
          <Grid.Col span={{ base: 12, md: 7 }}>
            <TransactionsPanel key={month} month={month} totals={totals} archived={archived} currencies={currencies} />
          </Grid.Col>
        </Grid>
      )}
    </Stack>
  );
}

import { Button, Checkbox, Group, Radio, Stack, Text } from "@mantine/core";
import { useState } from "react";

import type { Household } from "@/features/household/api/list-households";
import { share, type Shares } from "@/features/household/api/share";
import { Trouble } from "@/features/household/components/Trouble";
import { useHouseholdChange } from "@/features/household/use-household-change";
import { type Account, accountSchema } from "@/lib/documents";
import { type Read, useDocuments } from "@/lib/live/hooks";
import { toast } from "@/lib/toasts";

export interface SharesFormProps {
  household: Household;
  /** Whether the person shows everything there now. */
  everything: boolean;
}

type Choice = "nothing" | "accounts" | "everything";

/** What the person shows in a household: nothing, these accounts, or everything. Nothing moves before it is saved. */
export function SharesForm({ household, everything }: SharesFormProps) {
  const accounts = useDocuments("accounts", accountSchema).documents;
  const [choice, setChoice] = useState<Choice>(choiceOf(everything, household.accounts));
  const [chosen, setChosen] = useState<readonly string[]>(household.accounts);
  const save = useHouseholdChange(
    (api, shares: Shares) => share(api, household.id, shares),
    (_answer, shares) => toast(saved(shares, household.name)),
  );
  // An account that was unlinked meanwhile cannot be shared; the ledger has taken it back already.
  const linked = chosen.filter((id) => accounts.some((account) => account.id === id));
  const wish = {
    everything: choice === "everything",
    accounts: choice === "accounts" ? linked : [],
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate(wish);
      }}
      aria-label="What you show"
    >
      <Stack gap="sm">
        <Radio.Group value={choice} onChange={setChoice} aria-label="What you show">
          <Stack gap="xs">
            <Radio value="nothing" label="Nothing" />
            <Radio
              value="accounts"
              label="Only the accounts that I choose"
              disabled={accounts.length === 0}
              description={accounts.length === 0 ? "Link a bank first." : undefined}
            />
            <Radio
              value="everything"
              label="Everything"
              description="Every account, later ones too, and expenses added by hand."
            />
          </Stack>
        </Radio.Group>
        {choice === "accounts" && <Accounts accounts={accounts} chosen={linked} onChange={setChosen} />}
        <Text size="xs" c="dimmed">
          Members see day, name, amount and category of what you show. They never see notes, balances, account numbers
          or your bank.
        </Text>
        <Trouble error={save.error} />
        <Group justify="flex-end">
          <Button type="submit" size="xs" loading={save.isPending}>
            Save what I show
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface AccountsProps {
  accounts: readonly Read<Account>[];
  chosen: readonly string[];
  onChange: (chosen: readonly string[]) => void;
}

function Accounts({ accounts, chosen, onChange }: AccountsProps) {
  return (
    <Checkbox.Group value={[...chosen]} onChange={onChange} label="Accounts to show" ps="xl">
      <Stack gap="xs">
        {accounts.map(({ id, data }) => (
          <Checkbox
            key={id}
            value={id}
            label={[data.name, data.mask === null ? null : `··${data.mask}`].filter(Boolean).join(" ")}
          />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}

function choiceOf(everything: boolean, accounts: readonly string[]): Choice {
  if (everything) return "everything";
  return accounts.length > 0 ? "accounts" : "nothing";
}

function saved({ everything, accounts }: Shares, name: string): string {
  if (everything) return `${name} now sees everything of yours`;
  if (accounts.length === 0) return `${name} sees nothing of yours`;
  return `${name} now sees ${accounts.length === 1 ? "1 account" : `${accounts.length} accounts`} of yours`;
}

import { Alert, Badge, Button, Group, Menu, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { CircleAlert, CirclePlus, ListChecks, RefreshCw, Unlink } from "lucide-react";
import { useState } from "react";

import { ConfirmDialog } from "@/components/ConfirmDialog";
import { MoreMenu } from "@/components/MoreMenu";
import { refreshItem } from "@/features/banks/api/refresh-item";
import { removeItem } from "@/features/banks/api/remove-item";
import { AccountLine } from "@/features/banks/components/AccountLine";
import { Freshness } from "@/features/banks/components/Freshness";
import { ImportProgress } from "@/features/banks/components/ImportProgress";
import { isCheckable, statusWords } from "@/features/banks/item-status";
import type { Account, Import, Item } from "@/lib/documents";
import { useEdit } from "@/lib/live/edits";
import type { Read } from "@/lib/live/hooks";
import { useServices } from "@/lib/services";
import { toast, toastTrouble } from "@/lib/toasts";

export interface ItemCardProps {
  item: Read<Item>;
  accounts: readonly Read<Account>[];
  imported: Import | null;
  busy: boolean;
  onRepair: (itemId: string) => void;
  onChooseAccounts: (itemId: string) => void;
}

/** A linked bank: how its connection is, and its accounts. */
export function ItemCard({ item, accounts, imported, busy, onRepair, onChooseAccounts }: ItemCardProps) {
  const { id, path, data } = item;
  const status = statusWords(data);
  const choose = data.status === "revoked" ? null : () => onChooseAccounts(id);
  const name = data.institutionName ?? "Your bank";
  return (
    <Stack component="li" gap="sm" data-path={path} data-status={data.status}>
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Text fw={600} dir="auto" className="truncate shrink">
          {name}
        </Text>
        <Group gap={4} wrap="nowrap" className="no-shrink">
          <Badge variant="light" color={status.color}>
            {status.label}
          </Badge>
          <ItemMenu itemId={id} name={name} checkable={isCheckable(data)} onChooseAccounts={choose} />
        </Group>
      </Group>
      <Freshness item={data} />
      {imported !== null && <ImportProgress bank={name} imported={imported} />}
      {status.says !== null && (
        <Alert color={status.color} icon={<CircleAlert size={18} />} p="sm">
          <Stack gap="xs" align="flex-start">
            {status.says}
            {status.repairable && (
              <Button size="xs" onClick={() => onRepair(id)} loading={busy}>
                Sign in at the bank
              </Button>
            )}
          </Stack>
        </Alert>
      )}
      {choose !== null && data.errorCode === "NEW_ACCOUNTS_AVAILABLE" && (
        <Alert color="blue" icon={<CirclePlus size={18} />} p="sm">
          <Stack gap="xs" align="flex-start">
            Your bank has accounts that Livespend does not see.
            <Button size="xs" onClick={choose} loading={busy}>
              Choose accounts
            </Button>
          </Stack>
        </Alert>
      )}
      <Stack component="ul" className="plain-list" gap="xs" aria-label={`Accounts at ${name}`}>
        {accounts.map((account) => (
          <AccountLine key={account.id} account={account.data} path={account.path} />
        ))}
      </Stack>
    </Stack>
  );
}

interface ItemMenuProps {
  itemId: string;
  name: string;
  /** News can come without anybody signing in first. */
  checkable: boolean;
  /** Null where the bank would not let anything be chosen any more. */
  onChooseAccounts: (() => void) | null;
}

function ItemMenu({ itemId, name, checkable, onChooseAccounts }: ItemMenuProps) {
  const { api } = useServices();
  const [asking, setAsking] = useState(false);
  const check = useMutation({
    mutationFn: () => refreshItem(api, itemId),
    onSuccess: ({ asked }) => toast(asked ? `${name} is asked for news` : `Looking for news from ${name}`),
    onError: (error) => toastTrouble(`${name} was not checked`, error),
  });
  const remove = useEdit({
    send: () => removeItem(api, itemId),
    onAnswer: () => {
      setAsking(false);
      toast(`${name} is unlinked`);
    },
    trouble: "The bank was not unlinked",
  });
  return (
    <>
      <MoreMenu label={`More for ${name}`}>
        {checkable && (
          <Menu.Item
            leftSection={<RefreshCw size={16} aria-hidden />}
            disabled={check.isPending}
            onClick={() => check.mutate()}
          >
            Check now
          </Menu.Item>
        )}
        {onChooseAccounts !== null && (
          <Menu.Item leftSection={<ListChecks size={16} aria-hidden />} onClick={onChooseAccounts}>
            Add or remove accounts
          </Menu.Item>
        )}
        <Menu.Item c="red" leftSection={<Unlink size={16} aria-hidden />} onClick={() => setAsking(true)}>
          Unlink this bank
        </Menu.Item>
      </MoreMenu>
      <ConfirmDialog
        opened={asking}
        title={`Unlink ${name}?`}
        confirm="Unlink"
        busy={remove.isPending}
        onConfirm={() => remove.mutate(undefined)}
        onCancel={() => setAsking(false)}
      >
        Its accounts and transactions leave Livespend, with your categories and notes on them, and every total changes
        accordingly. Expenses that you added by hand stay.
      </ConfirmDialog>
    </>
  );
}

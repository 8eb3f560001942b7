import { Button, Divider, Stack } from "@mantine/core";
import { Landmark, Plus } from "lucide-react";
import { Fragment, lazy, Suspense } from "react";

import { EmptyState } from "@/components/EmptyState";
import { Panel } from "@/components/Panel";
import { AlreadyLinked } from "@/features/banks/components/AlreadyLinked";
import { HostedLink } from "@/features/banks/components/HostedLink";
import { ItemCard } from "@/features/banks/components/ItemCard";
import { useLink } from "@/features/banks/use-link";
import { accountSchema, importSchema, itemSchema } from "@/lib/documents";
import { useDocuments } from "@/lib/live/hooks";

const OpenLink = lazy(async () => ({ default: (await import("@/features/banks/components/OpenLink")).OpenLink }));

/** The linked banks with their accounts, and the way to link one more. */
export function BanksPanel() {
  const items = useDocuments("items", itemSchema);
  const accounts = useDocuments("accounts", accountSchema);
  const imports = useDocuments("imports", importSchema);
  const link = useLink();
  const linkButton = (
    <Button
      size="xs"
      variant="default"
      leftSection={<Plus size={14} aria-hidden />}
      loading={link.busy}
      onClick={() => link.start(null)}
    >
      Link a bank
    </Button>
  );
  return (
    <Panel title="Banks" actions={linkButton}>
      {link.hosted !== null && (
        <HostedLink
          use={link.hosted}
          seen={items.documents.map(({ id, data }) => `${id} ${data.status}`).join()}
          onLeft={link.left}
        />
      )}
      {items.settled && items.documents.length === 0 && link.hosted === null && (
        <EmptyState icon={Landmark} title="No bank linked yet">
          Link a bank and its transactions of the last two years come by themselves.
        </EmptyState>
      )}
      <Stack component="ul" className="plain-list" gap="lg" aria-label="Linked banks">
        {items.documents.map((item, index) => (
          <Fragment key={item.id}>
            {index > 0 && <Divider component="li" role="presentation" />}
            <ItemCard
              item={item}
              accounts={accounts.documents.filter((account) => account.data.itemId === item.id)}
              imported={imports.documents.find(({ id }) => id === item.id)?.data ?? null}
              busy={link.busy}
              onRepair={(itemId) => link.start(itemId)}
              onChooseAccounts={(itemId) => link.start(itemId, true)}
            />
          </Fragment>
        ))}
      </Stack>
      <AlreadyLinked
        opened={link.existing !== null}
        name={items.documents.find(({ id }) => id === link.existing)?.data.institutionName ?? "Your bank"}
        onSignIn={() => link.start(link.existing)}
        onChooseAccounts={() => link.start(link.existing, true)}
        onClose={() => link.left()}
      />
      {link.attempt !== null && (
        <Suspense>
          <OpenLink
            token={link.attempt.token}
            onSuccess={link.succeeded}
            onExit={link.exited}
            onTrouble={link.failed}
          />
        </Suspense>
      )}
    </Panel>
  );
}

import { Alert, Stack } from "@mantine/core";
import { CircleAlert } from "lucide-react";

import { statusWords } from "@/features/banks/item-status";
import { useKnownToLedger } from "@/features/session/api/use-known-to-ledger";
import { inWords } from "@/lib/api/errors";
import { itemSchema, monthSchema } from "@/lib/documents";
import { useDocuments, useTopic } from "@/lib/live/hooks";

/** What keeps the page from showing everything, at its top. */
export function Troubles() {
  const known = useKnownToLedger();
  const months = useTopic("months");
  const { unreadable } = useDocuments("months", monthSchema);
  const items = useDocuments("items", itemSchema).documents.map(({ data }) => data);
  const troubles = [
    known.isError ? inWords(known.error) : null,
    months.refused === null
      ? null
      : "Your data may not be read right now. Livespend keeps trying; if it lasts, sign out and in again.",
    unreadable === 0
      ? null
      : "Some totals cannot be shown by this version of the page. Reload it; if that does not help, tell us.",
  ].filter((trouble) => trouble !== null);
  const askingBanks = items.filter((item) => statusWords(item).repairable);
  if (troubles.length + askingBanks.length === 0) return null;
  return (
    <Stack mb="md">
      {troubles.map((trouble) => (
        <Alert key={trouble} color="red" role="alert" icon={<CircleAlert size={18} />}>
          {trouble}
        </Alert>
      ))}
      {askingBanks.length > 0 && (
        <Alert color="yellow" icon={<CircleAlert size={18} />} p="xs">
          {askingBanks.map((item) => item.institutionName ?? "A bank").join(", ")}: you are asked to sign in again,
          under Banks.
        </Alert>
      )}
    </Stack>
  );
}

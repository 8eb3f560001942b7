import { Progress, Stack, Text } from "@mantine/core";

import type { Import } from "@/lib/documents";
import { isMonth, monthName, readersEnglish } from "@/lib/months";

/** How far a large update of a bank has come; nothing once it is over. */
export function ImportProgress({ bank, imported }: { bank: string; imported: Import }) {
  if (imported.phase === "done") {
    return null;
  }
  const share = imported.rows === 0 ? 0 : Math.floor((100 * imported.rowsStored) / imported.rows);
  // While pages still come nobody knows how many there will be: a bar that moves, and no share.
  const counting = imported.phase === "fetching";
  const words = counting ? fetchingWords(imported) : storingWords(imported);
  return (
    <Stack gap={4} data-import={imported.phase}>
      <Progress.Root size="sm" aria-hidden>
        <Progress.Section value={counting ? 100 : share} animated={counting} striped={counting} />
      </Progress.Root>
      <Text
        size="xs"
        c="dimmed"
        role="progressbar"
        aria-label={`Import from ${bank}`}
        aria-valuetext={words}
        {...(counting ? {} : { "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": share })}
      >
        {words}
      </Text>
    </Stack>
  );
}

function fetchingWords({ rows }: Import): string {
  return `Reading the bank's history: ${count(rows)} transactions so far`;
}

function storingWords({ rows, rowsStored, storedFrom }: Import): string {
  const back = isMonth(storedFrom) ? `, back to ${monthName(storedFrom)}` : "";
  return `${count(rowsStored)} of ${count(rows)} transactions${back}`;
}

function count(rows: number): string {
  return rows.toLocaleString(readersEnglish());
}

import { Badge, Tooltip } from "@mantine/core";

import { type ShownMonth, useReceipt } from "@/features/receipt/use-receipt";
import type { MonthTotals } from "@/lib/documents";
import { type Read, useTopic } from "@/lib/live/hooks";
import { transactionsOf } from "@/lib/live/topics";
import type { Month } from "@/lib/months";

const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false } as const;

/** The receipt of the person's own month. */
export function OwnReceiptBadge({ month, totals }: { month: Month; totals: Read<MonthTotals> | undefined }) {
  const { documents, settled, stale, limit } = useTopic(transactionsOf(month));
  const shown = { month, totals, documents, sure: settled && !stale, limit, household: null };
  return <ReceiptBadge shown={shown} />;
}

/** Says when what the page shows of the month was last found equal to the ledger, or that it is being repaired. */
export function ReceiptBadge({ shown }: { shown: ShownMonth }) {
  const receipt = useReceipt(shown);
  if (receipt === null || receipt.state === "unknown") return null;
  const time = receipt.at.toLocaleTimeString("en-GB", TIME);
  if (receipt.state === "differs") {
    return (
      <Tooltip label="What is shown differs from the ledger. It is being written anew; edits are safe.">
        <Badge variant="light" color="orange" role="alert" data-receipt="differs">
          Repairing since {time}
        </Badge>
      </Tooltip>
    );
  }
  const whole = receipt.rows === receipt.of;
  const label = whole
    ? "Every row and total of this month was found equal to the ledger"
    : `The totals and ${receipt.rows} of this month's ${receipt.of} transactions were found equal to the ledger`;
  return (
    <Tooltip label={label}>
      <Badge variant="light" color="teal" data-receipt="verified" data-rows={receipt.rows} data-of={receipt.of}>
        Verified {time}
        {whole ? "" : ` · ${receipt.rows} of ${receipt.of}`}
      </Badge>
    </Tooltip>
  );
}

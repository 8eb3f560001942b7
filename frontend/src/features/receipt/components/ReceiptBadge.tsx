import { Badge, Tooltip } from "@mantine/core";

import { useReceipt } from "@/features/receipt/use-receipt";
import type { MonthTotals } from "@/lib/documents";
import type { Read } from "@/lib/live/hooks";
import type { Month } from "@/lib/months";

const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false } as const;

/** Says when what the page shows of the month was last found equal to the ledger, or that it is being repaired. */
export function ReceiptBadge({ month, totals }: { month: Month; totals: Read<MonthTotals> | undefined }) {
  const receipt = useReceipt(month, totals);
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

import { Button, Group, Text } from "@mantine/core";

import { Money } from "@/components/Money";
import type { Row } from "@/features/transactions/rows";
import { useDecideReview } from "@/features/transactions/use-decide-review";
import type { Review } from "@/lib/documents";
import { useIsOnItsWay } from "@/lib/live/hooks";

export interface ReviewNoteProps {
  row: Row;
  review: Review;
  transactionName: string;
}

/** Asks whether a posted row is a pending one that the bank dropped, or says that they were joined. */
export function ReviewNote({ row, review, transactionName }: ReviewNoteProps) {
  const decide = useDecideReview(row, review);
  const waiting = useIsOnItsWay(row.path);
  return (
    <Group gap="xs" className="row-review" role="group" aria-label={`Question about ${transactionName}`}>
      {review.state === "confirmed" ? (
        <>
          <Text size="xs" c="dimmed">
            Was pending as <Pending review={review} />.
          </Text>
          <Button size="compact-xs" variant="subtle" disabled={waiting} onClick={() => decide.mutate("undo")}>
            Undo
          </Button>
        </>
      ) : (
        <>
          <Text size="xs">
            The bank had <Pending review={review} /> pending and posted <bdi>“{transactionName}”</bdi>. The same
            payment?
          </Text>
          <Button size="compact-xs" variant="light" disabled={waiting} onClick={() => decide.mutate("confirm")}>
            Same
          </Button>
          <Button size="compact-xs" variant="default" disabled={waiting} onClick={() => decide.mutate("decline")}>
            Different
          </Button>
        </>
      )}
    </Group>
  );
}

function Pending({ review }: { review: Review }) {
  return (
    <>
      <bdi>“{review.name}”</bdi>{" "}
      <Money
        exact={review.amount}
        currency={review.currency}
        unofficialCurrency={review.unofficialCurrency}
        digits={review.currencyDigits}
      />
    </>
  );
}

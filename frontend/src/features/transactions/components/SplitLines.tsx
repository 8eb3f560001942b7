import { Badge, Group, Text, UnstyledButton } from "@mantine/core";
import { ChevronDown, ChevronRight } from "lucide-react";
import { useId, useState } from "react";

import { CategoryIcon } from "@/components/CategoryIcon";
import { AmountOf } from "@/features/transactions/components/AmountOf";
import { exceeds, remainder } from "@/features/transactions/split-draft";
import { useCategories } from "@/lib/categories/use-categories";
import type { Split, Transaction } from "@/lib/documents";
import { isZero } from "@/lib/money";

export interface SplitLinesProps {
  transaction: Transaction;
  categoryId: string;
  splits: readonly Split[];
}

/** The parts of a transaction, folded under its row until somebody looks, and what is left of it. */
export function SplitLines({ transaction, categoryId, splits }: SplitLinesProps) {
  const [open, setOpen] = useState(false);
  const lines = useId();
  const left = remainder(
    transaction.amount,
    splits.map((split) => split.amount),
  );
  const tooMuch = exceeds(transaction.amount, left);
  const Arrow = open ? ChevronDown : ChevronRight;
  return (
    <div className="row-splits">
      <Group gap="xs">
        <UnstyledButton fz="xs" c="dimmed" aria-expanded={open} aria-controls={lines} onClick={() => setOpen(!open)}>
          <Group gap={4} component="span">
            <Arrow size={14} aria-hidden className="directional" />
            {splits.length === 1 ? "1 part in another category" : `${splits.length} parts in other categories`}
          </Group>
        </UnstyledButton>
        {tooMuch && (
          <Badge size="xs" variant="light" color="red">
            Parts are more than the amount
          </Badge>
        )}
      </Group>
      <ul className="plain-list" id={lines} hidden={!open}>
        {splits.map((split, place) => (
          // Parts have no name but their place: they are replaced as a whole.
          <Line key={place} transaction={transaction} {...split} />
        ))}
        {!isZero(left) && <Line transaction={transaction} categoryId={categoryId} amount={left} note="What is left" />}
      </ul>
    </div>
  );
}

function Line({ transaction, categoryId, amount, note }: Split & { transaction: Transaction }) {
  const { name } = useCategories().find(categoryId);
  return (
    <li className="split-line">
      <CategoryIcon categoryId={categoryId} size={20} />
      <Text size="xs" dir="auto" className="truncate">
        {name}
      </Text>
      <Text size="xs" c="dimmed" dir="auto" className="truncate grow">
        {note}
      </Text>
      <Text size="xs" className="row-amount">
        <AmountOf transaction={transaction} exact={amount} />
      </Text>
    </li>
  );
}

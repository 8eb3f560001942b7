import { Badge, Group, Text, VisuallyHidden } from "@mantine/core";
import { memo, useState } from "react";

import { CategoryIcon } from "@/components/CategoryIcon";
import { Money } from "@/components/Money";
import { useEditTransaction } from "@/features/transactions/api/edit-transaction";
import { usePutSplits } from "@/features/transactions/api/put-splits";
import { CategoryCell } from "@/features/transactions/components/CategoryCell";
import { NoteDialog } from "@/features/transactions/components/NoteDialog";
import { ReviewNote } from "@/features/transactions/components/ReviewNote";
import { RowMenu } from "@/features/transactions/components/RowMenu";
import { SplitDialog } from "@/features/transactions/components/SplitDialog";
import { SplitLines } from "@/features/transactions/components/SplitLines";
import type { Row } from "@/features/transactions/rows";
import { useOfferRule } from "@/features/transactions/use-offer-rule";
import type { Transaction } from "@/lib/documents";
import { useChangeAt, useIsOnItsWay } from "@/lib/live/hooks";
import { versionText } from "@/lib/live/versions";

export interface TransactionRowProps {
  row: Row;
  /** Null for an expense without an account. */
  accountName: string | null;
  onDelete: (row: Row) => void;
}

export const TransactionRow = memo(function TransactionRow({ row, ...rest }: TransactionRowProps) {
  const onItsWay = useIsOnItsWay(row.path);
  return (
    <li
      className="row"
      data-path={row.path}
      data-version={row.version === null ? undefined : versionText(row.version)}
      data-on-its-way={onItsWay || undefined}
    >
      {row.transaction === null ? (
        <Unshowable />
      ) : (
        <Showable row={row} transaction={row.transaction} onItsWay={onItsWay} {...rest} />
      )}
    </li>
  );
});

type ShowableProps = TransactionRowProps & { transaction: Transaction; onItsWay: boolean };

function Showable({ row, transaction, accountName, onItsWay, onDelete }: ShowableProps) {
  const change = useChangeAt(row.path);
  const edit = useEditTransaction(row, useOfferRule(transaction));
  const { mutate: putSplits } = usePutSplits(row);
  const [dialog, setDialog] = useState<"note" | "split" | null>(null);
  const categoryId = change.categoryId ?? transaction.categoryId;
  const note = change.note === undefined ? transaction.note : change.note;
  const splits = change.splits ?? transaction.splits;
  const name = transaction.merchantName ?? transaction.name;
  const close = () => setDialog(null);
  return (
    <>
      <CategoryIcon categoryId={categoryId} />
      <div className="row-what">
        <Text fw={500} dir="auto" className="truncate" title={transaction.name}>
          {name}
        </Text>
        <Group gap={6} className="row-facts">
          <Text size="xs" c="dimmed" dir="auto" className="truncate">
            {accountName ?? (transaction.source === "manual" ? "Added by you" : "Account")}
          </Text>
          {transaction.expired ? (
            <Badge size="xs" variant="light" color="gray">
              Expired: never posted
            </Badge>
          ) : (
            transaction.pending && (
              <Badge size="xs" variant="light" color="yellow">
                Pending
              </Badge>
            )
          )}
          {transaction.currency === null && (
            <Badge size="xs" variant="light" color="gray">
              In no total
            </Badge>
          )}
          {onItsWay && <VisuallyHidden>, change on its way</VisuallyHidden>}
        </Group>
      </div>
      <div className="row-category">
        <CategoryCell
          categoryId={categoryId}
          chosen={transaction.categoryOwner === "user" && transaction.source === "bank"}
          byRule={transaction.categoryOwner === "rule" && change.categoryId === undefined}
          transactionName={name}
          onChange={(categoryId) => edit.mutate({ categoryId })}
        />
      </div>
      <Text
        fw={600}
        className="row-amount"
        title={`${transaction.amount} ${transaction.currency ?? ""}`}
        {...(transaction.expired ? { c: "dimmed", td: "line-through" } : {})}
      >
        <Money
          exact={transaction.amount}
          currency={transaction.currency}
          unofficialCurrency={transaction.unofficialCurrency}
          digits={transaction.currencyDigits}
        />
      </Text>
      <RowMenu
        transactionName={name}
        hasNote={note !== null}
        onNote={() => setDialog("note")}
        onSplit={() => setDialog("split")}
        onDelete={transaction.source === "manual" ? () => onDelete(row) : null}
      />
      {note !== null && (
        <Text size="xs" dir="auto" className="row-note">
          {note}
        </Text>
      )}
      {splits.length > 0 && <SplitLines transaction={transaction} categoryId={categoryId} splits={splits} />}
      {transaction.review !== null && <ReviewNote row={row} review={transaction.review} transactionName={name} />}
      <NoteDialog
        opened={dialog === "note"}
        note={note}
        transactionName={name}
        onSave={(note) => edit.mutate({ note })}
        onClose={close}
      />
      <SplitDialog
        opened={dialog === "split"}
        transaction={transaction}
        categoryId={categoryId}
        splits={splits}
        onSave={putSplits}
        onClose={close}
      />
    </>
  );
}

/** Something about this transaction is beyond what can be drawn; it is named rather than left out. */
function Unshowable() {
  return (
    <>
      <CategoryIcon categoryId="UNCATEGORIZED" />
      <div className="row-what">
        <Text fw={500}>This transaction cannot be shown</Text>
        <Text size="xs" c="dimmed">
          It is safe, and it counts in the totals.
        </Text>
      </div>
    </>
  );
}

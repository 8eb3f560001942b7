import { deleteExpense } from "@/features/transactions/api/delete-expense";
import { restoreExpense } from "@/features/transactions/api/restore-expense";
import { offerUndo } from "@/features/transactions/offer-undo";
import type { Row } from "@/features/transactions/rows";
import { useEdit } from "@/lib/live/edits";
import { useServices } from "@/lib/services";

/** Deletes an expense at once and offers, for a while, to bring it back. */
export function useDeleteExpense() {
  const { api } = useServices();
  const restore = useEdit({
    send: (id: string) => restoreExpense(api, id),
    intent: (id) => ({ kind: "restore-expense", body: { entryId: id } }),
    trouble: "The expense was not brought back",
  });
  return useEdit({
    send: ({ id }: Row) => deleteExpense(api, id),
    guess: ({ path }) => ({ path, change: { removed: true } }),
    intent: ({ id }) => ({ kind: "remove-expense", body: { entryId: id } }),
    onAnswer: (_answer, row) =>
      offerUndo(
        <>
          Deleted <bdi>{row.transaction?.name}</bdi>
        </>,
        () => restore.mutate(row.id),
      ),
    trouble: "The expense was not deleted",
  });
}

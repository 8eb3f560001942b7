import { Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";

import { deleteExpense } from "@/features/transactions/api/delete-expense";
import { restoreExpense } from "@/features/transactions/api/restore-expense";
import type { Row } from "@/features/transactions/rows";
import { useEdit } from "@/lib/live/edits";
import { useServices } from "@/lib/services";

const TIME_TO_UNDO_MS = 12_000;

/** Deletes an expense at once and offers, for a while, to bring it back. */
export function useDeleteExpense() {
  const { api } = useServices();
  const restore = useEdit({
    send: (id: string) => restoreExpense(api, id),
    trouble: "The expense was not brought back",
  });
  return useEdit({
    send: ({ id }: Row) => deleteExpense(api, id),
    guess: ({ path }) => ({ path, change: { removed: true } }),
    onAnswer: (_answer, row) => offerUndo(row, () => restore.mutate(row.id)),
    trouble: "The expense was not deleted",
  });
}

function offerUndo(row: Row, undo: () => void): void {
  const id = notifications.show({
    autoClose: TIME_TO_UNDO_MS,
    message: (
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" truncate>
          Deleted <bdi>{row.transaction?.name}</bdi>
        </Text>
        <Button
          size="compact-sm"
          variant="light"
          className="no-shrink"
          onClick={() => {
            notifications.hide(id);
            undo();
          }}
        >
          Undo
        </Button>
      </Group>
    ),
  });
}

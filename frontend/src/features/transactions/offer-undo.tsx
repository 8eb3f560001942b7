import { Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import type { ReactNode } from "react";

const TIME_TO_UNDO_MS = 12_000;

/** Says what was done and offers, for a while, to take it back. */
export function offerUndo(done: ReactNode, undo: () => void): void {
  const id = notifications.show({
    autoClose: TIME_TO_UNDO_MS,
    message: (
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" truncate>
          {done}
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

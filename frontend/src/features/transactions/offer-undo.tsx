import { Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import type { ReactNode } from "react";

const TIME_TO_DECIDE_MS = 12_000;

/** Says what was done and offers, for a while, to take it back. */
export function offerUndo(done: ReactNode, undo: () => void): void {
  offer(done, "Undo", undo);
}

/** Says something and offers, for a while, one thing to do about it. */
export function offer(message: ReactNode, label: string, act: () => void): void {
  const id = notifications.show({
    autoClose: TIME_TO_DECIDE_MS,
    message: (
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" truncate>
          {message}
        </Text>
        <Button
          size="compact-sm"
          variant="light"
          className="no-shrink"
          onClick={() => {
            notifications.hide(id);
            act();
          }}
        >
          {label}
        </Button>
      </Group>
    ),
  });
}

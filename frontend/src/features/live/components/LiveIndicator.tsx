import { Badge, Group, Tooltip } from "@mantine/core";

import { type Connection, useEditsOnTheirWay } from "@/lib/live/hooks";
import { useConnection } from "@/lib/live/connection";

const WORDS: Readonly<Record<Connection, { label: string; color: string; says: string }>> = {
  live: { label: "Live", color: "teal", says: "Changes appear here by themselves" },
  connecting: { label: "Connecting", color: "yellow", says: "Waiting for the first answer" },
  offline: { label: "Offline", color: "gray", says: "What you see is what was last known" },
};

/** Whether what is on the screen can be trusted to be current, and how many edits have not come back yet. */
export function LiveIndicator() {
  const connection = useConnection();
  const edits = useEditsOnTheirWay();
  const { label, color, says } = WORDS[connection];
  return (
    <Group gap="xs" role="status" aria-label="Connection" data-connection={connection} data-edits={edits}>
      <Tooltip label={says}>
        <Badge variant="light" color={color} leftSection={<span className="dot" data-connection={connection} />}>
          {label}
        </Badge>
      </Tooltip>
      {edits > 0 && (
        <Badge variant="light" color="blue">
          {edits === 1 ? "1 edit on its way" : `${edits} edits on their way`}
        </Badge>
      )}
    </Group>
  );
}

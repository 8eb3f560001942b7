import { Text } from "@mantine/core";

import { freshnessWords } from "@/features/banks/freshness-words";
import type { Item } from "@/lib/documents";
import { useMinute } from "@/lib/moments";
import { momentName } from "@/lib/months";

/** How old what a bank brought is; the exact moment on hover. */
export function Freshness({ item }: { item: Item }) {
  const now = useMinute();
  const updated = item.bankUpdatedAt?.toDate();
  return (
    <Text
      size="xs"
      c={item.freshness === "stale" ? "orange" : "dimmed"}
      data-freshness={item.freshness}
      title={updated === undefined ? undefined : momentName(updated)}
    >
      {freshnessWords(item, now)}
    </Text>
  );
}

import { ActionIcon, Group, NativeSelect } from "@mantine/core";
import { ChevronLeft, ChevronRight } from "lucide-react";

import { type Month, monthChoices, monthName, shiftMonth } from "@/lib/months";

export interface MonthSwitcherProps {
  month: Month;
  current: Month;
  known: readonly Month[];
  onChange: (month: Month) => void;
}

/** The month before, the month after, or any month that has something in it. */
export function MonthSwitcher({ month, current, known, onChange }: MonthSwitcherProps) {
  const choices = monthChoices(known, month, current);
  return (
    <Group gap={4} wrap="nowrap" role="group" aria-label="Month">
      <ActionIcon
        variant="subtle"
        size="lg"
        aria-label="Previous month"
        disabled={month <= (choices.at(-1) ?? month)}
        onClick={() => onChange(shiftMonth(month, -1))}
      >
        <ChevronLeft size={20} className="directional" />
      </ActionIcon>
      <NativeSelect
        aria-label="Month shown"
        value={month}
        onChange={(event) => onChange(event.currentTarget.value)}
        data={choices.map((value) => ({ value, label: monthName(value) }))}
      />
      <ActionIcon
        variant="subtle"
        size="lg"
        aria-label="Next month"
        disabled={month >= (choices[0] ?? month)}
        onClick={() => onChange(shiftMonth(month, 1))}
      >
        <ChevronRight size={20} className="directional" />
      </ActionIcon>
    </Group>
  );
}

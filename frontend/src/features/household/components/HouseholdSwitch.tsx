import { SegmentedControl } from "@mantine/core";

import type { Household } from "@/features/household/api/list-households";

const MINE = "";

export interface HouseholdSwitchProps {
  households: readonly Household[];
  shown: string | null;
  onChange: (household: string | null) => void;
}

/** Whose money is looked at: the person's own, or a household's. Whoever is in none sees no switch. */
export function HouseholdSwitch({ households, shown, onChange }: HouseholdSwitchProps) {
  if (households.length === 0) return null;
  const choices = households.map(({ id, name }) => ({ value: id, label: name }));
  return (
    <SegmentedControl
      aria-label="Whose money"
      data={[{ value: MINE, label: "Mine" }, ...choices]}
      value={shown ?? MINE}
      onChange={(value) => onChange(value === MINE ? null : value)}
    />
  );
}

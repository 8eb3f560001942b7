import { NativeSelect, SegmentedControl } from "@mantine/core";

import type { Household } from "@/features/household/api/list-households";

const MINE = "";
/** What fits beside each other on a phone. */
const LETTERS = 24;

export interface HouseholdSwitchProps {
  households: readonly Pick<Household, "id" | "name">[];
  shown: string | null;
  onChange: (household: string | null) => void;
}

/** Whose money is looked at: the person's own, or a household's. Whoever is in none sees no switch. */
export function HouseholdSwitch({ households, shown, onChange }: HouseholdSwitchProps) {
  if (households.length === 0) return null;
  const data = [{ value: MINE, label: "Mine" }, ...households.map(({ id, name }) => ({ value: id, label: name }))];
  const choose = (value: string) => onChange(value === MINE ? null : value);
  const value = households.some(({ id }) => id === shown) ? (shown ?? MINE) : MINE;
  const letters = data.reduce((sum, { label }) => sum + label.length, 0);
  if (letters > LETTERS)
    return (
      <NativeSelect
        aria-label="Whose money"
        data={data}
        value={value}
        onChange={(event) => choose(event.currentTarget.value)}
        maw={240}
      />
    );
  return <SegmentedControl aria-label="Whose money" data={data} value={value} onChange={choose} />;
}

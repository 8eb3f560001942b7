import { Select, type SelectProps } from "@mantine/core";
import { useMemo } from "react";

import { currencyChoices } from "@/lib/currencies";

export interface CurrencySelectProps extends Omit<SelectProps, "data"> {
  inUse: readonly string[];
}

export function CurrencySelect({ inUse, ...select }: CurrencySelectProps) {
  const data = useMemo(() => currencyChoices(inUse), [inUse]);
  return (
    <Select
      label="Currency"
      searchable
      selectFirstOptionOnChange
      data={data}
      allowDeselect={false}
      limit={60}
      maw={130}
      {...select}
    />
  );
}

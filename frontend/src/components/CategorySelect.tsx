import { Group, Select, type SelectProps, Text } from "@mantine/core";

import { CategoryIcon } from "@/components/CategoryIcon";
import type { Categories } from "@/lib/categories/categories";

export interface CategorySelectProps extends Omit<SelectProps, "data" | "renderOption" | "filter"> {
  categories: Categories;
  /** Entries before the categories, such as handing a row back to the bank's own category. */
  first?: readonly { value: string; label: string }[];
}

/** Searchable: type a part of the name, choose with arrows and Enter. */
export function CategorySelect({ categories, first = [], ...select }: CategorySelectProps) {
  const entry = ({ id, name }: { id: string; name: string }) => ({ value: id, label: name });
  const groups = [
    { group: "Spending", items: categories.all.filter((one) => !one.own && !one.excluded).map(entry) },
    { group: "Your own", items: categories.all.filter((one) => one.own).map(entry) },
    { group: "Outside spending", items: categories.all.filter((one) => one.excluded).map(entry) },
  ];
  return (
    <Select
      searchable
      selectFirstOptionOnChange
      nothingFoundMessage="No such category"
      maxDropdownHeight={320}
      comboboxProps={{ withinPortal: true, position: "bottom-start", width: 300 }}
      data={[...first, ...groups.filter((group) => group.items.length > 0)]}
      renderOption={({ option }) => <CategoryOption id={option.value} name={option.label} />}
      {...select}
    />
  );
}

function CategoryOption({ id, name }: { id: string; name: string }) {
  return (
    <Group gap="sm" wrap="nowrap">
      <CategoryIcon categoryId={id} size={24} />
      <Text size="sm">
        <bdi>{name}</bdi>
      </Text>
    </Group>
  );
}

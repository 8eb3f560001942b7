import { ThemeIcon } from "@mantine/core";

import { lookOf } from "@/components/category-looks";

/** Decoration beside a category's name. */
export function CategoryIcon({ categoryId, size = 34 }: { categoryId: string; size?: number }) {
  const { icon: Icon, color } = lookOf(categoryId);
  return (
    <ThemeIcon variant="light" color={color} size={size} radius="md" aria-hidden>
      <Icon size={Math.round(size * 0.55)} />
    </ThemeIcon>
  );
}

import { Button } from "@mantine/core";
import { Tag, Workflow } from "lucide-react";
import { useRef, useState } from "react";

import { CategorySelect } from "@/components/CategorySelect";
import { useCategories } from "@/lib/categories/use-categories";

const BANKS_OWN = "@bank";

export interface CategoryCellProps {
  categoryId: string;
  /** The person chose it, so it can be handed back to the bank's own. */
  chosen: boolean;
  /** A rule of theirs chose it. */
  byRule: boolean;
  transactionName: string;
  onChange: (categoryId: string | null) => void;
}

/** The category as a button; pressed, it turns into a search box until something is chosen or it is left. */
export function CategoryCell({ categoryId, chosen, byRule, transactionName, onChange }: CategoryCellProps) {
  const categories = useCategories();
  // The category at the press: what arrives meanwhile must not put its name over what is being typed.
  const [editing, setEditing] = useState<string | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const { name } = categories.find(categoryId);

  const close = (backToButton: boolean) => {
    setEditing(null);
    if (backToButton) requestAnimationFrame(() => button.current?.focus());
  };
  const choose = (value: string | null) => {
    close(true);
    if (value === null || value === categoryId) return;
    onChange(value === BANKS_OWN ? null : value);
  };

  if (editing !== null) {
    return (
      <CategorySelect
        aria-label={`Category of ${transactionName}`}
        size="xs"
        w={220}
        categories={categories}
        first={chosen ? [{ value: BANKS_OWN, label: "Use the bank's category" }] : []}
        value={editing}
        allowDeselect={false}
        defaultDropdownOpened
        autoFocus
        onFocus={(event) => event.currentTarget.select()}
        onOptionSubmit={choose}
        onBlur={() => close(false)}
        onKeyDown={(event) => {
          if (event.key === "Escape") close(true);
        }}
      />
    );
  }
  return (
    <Button
      ref={button}
      variant="default"
      size="compact-sm"
      radius="xl"
      fw={400}
      maw={220}
      leftSection={byRule ? <Workflow size={12} aria-hidden /> : <Tag size={12} aria-hidden />}
      aria-label={`Category of ${transactionName}: ${name}${byRule ? ", by a rule" : ""}. Change`}
      {...(byRule ? { title: "Chosen by a rule of yours" } : {})}
      onClick={() => setEditing(categoryId)}
    >
      <span dir="auto" className="truncate">
        {name}
      </span>
    </Button>
  );
}

import { Menu } from "@mantine/core";
import { NotebookPen, Split, Trash2 } from "lucide-react";

import { MoreMenu } from "@/components/MoreMenu";

export interface RowMenuProps {
  transactionName: string;
  hasNote: boolean;
  onNote: () => void;
  onSplit: () => void;
  /** Null when the row is the bank's: those cannot be deleted. */
  onDelete: (() => void) | null;
}

export function RowMenu({ transactionName, hasNote, onNote, onSplit, onDelete }: RowMenuProps) {
  return (
    <MoreMenu label={`More for ${transactionName}`}>
      <Menu.Item leftSection={<NotebookPen size={16} aria-hidden />} onClick={onNote}>
        {hasNote ? "Edit the note" : "Add a note"}
      </Menu.Item>
      <Menu.Item leftSection={<Split size={16} aria-hidden />} onClick={onSplit}>
        Split into parts
      </Menu.Item>
      {onDelete !== null && (
        <Menu.Item c="red" leftSection={<Trash2 size={16} aria-hidden />} onClick={onDelete}>
          Delete the expense
        </Menu.Item>
      )}
    </MoreMenu>
  );
}

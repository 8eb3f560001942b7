import { ActionIcon, Menu } from "@mantine/core";
import { Ellipsis, NotebookPen, Trash2 } from "lucide-react";

export interface RowMenuProps {
  transactionName: string;
  hasNote: boolean;
  onNote: () => void;
  /** Null when the row is the bank's: those cannot be deleted. */
  onDelete: (() => void) | null;
}

export function RowMenu({ transactionName, hasNote, onNote, onDelete }: RowMenuProps) {
  return (
    <Menu position="bottom-end" keepMounted={false}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`More for ${transactionName}`}>
          <Ellipsis size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<NotebookPen size={16} aria-hidden />} onClick={onNote}>
          {hasNote ? "Edit the note" : "Add a note"}
        </Menu.Item>
        {onDelete !== null && (
          <Menu.Item c="red" leftSection={<Trash2 size={16} aria-hidden />} onClick={onDelete}>
            Delete the expense
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

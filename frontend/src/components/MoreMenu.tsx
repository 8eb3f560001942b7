import { ActionIcon, Menu } from "@mantine/core";
import { Ellipsis } from "lucide-react";
import { type ReactNode, useRef } from "react";

export interface MoreMenuProps {
  label: string;
  children: ReactNode;
}

/** What else can be done with a thing, behind three dots. */
export function MoreMenu({ label, children }: MoreMenuProps) {
  const button = useRef<HTMLButtonElement>(null);
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon ref={button} variant="subtle" color="gray" aria-label={label}>
          <Ellipsis size={18} />
        </ActionIcon>
      </Menu.Target>
      {/* Before the item acts: a dialog gives the focus back to what had it, and the item will be gone by then. */}
      <Menu.Dropdown onClickCapture={() => button.current?.focus()}>{children}</Menu.Dropdown>
    </Menu>
  );
}

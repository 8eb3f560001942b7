import { Avatar, Menu, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { LogOut } from "lucide-react";

import { headSchema } from "@/lib/documents";
import { useDocuments } from "@/lib/live/hooks";
import { useServices } from "@/lib/services";

export function UserMenu({ onSignOut }: { onSignOut: () => void }) {
  const { user } = useServices();
  const head = useDocuments("head", headSchema).documents[0]?.data;
  const name = head?.displayName ?? user.displayName ?? head?.email ?? user.email ?? "You";
  return (
    <Menu position="bottom-end" withArrow>
      <Menu.Target>
        <UnstyledButton>
          <VisuallyHidden>Account of {name}</VisuallyHidden>
          <Avatar name={name} color="teal" radius="xl" aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} dir="auto" className="truncate" maw={240}>
            {name}
          </Text>
          <Text size="xs" truncate maw={240}>
            {user.email}
          </Text>
        </Menu.Label>
        <Menu.Item leftSection={<LogOut size={16} aria-hidden />} onClick={onSignOut}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

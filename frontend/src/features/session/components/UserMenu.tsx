import { Avatar, Menu, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { LogOut, UserX } from "lucide-react";
import { useState } from "react";

import { EraseDialog } from "@/features/session/components/EraseDialog";
import { SignOutDialog } from "@/features/session/components/SignOutDialog";
import { headSchema } from "@/lib/documents";
import { useDocuments, useUnsentEdits } from "@/lib/live/hooks";
import { useServices } from "@/lib/services";

export function UserMenu({ onSignOut }: { onSignOut: () => void }) {
  const { user } = useServices();
  const head = useDocuments("head", headSchema).documents[0]?.data;
  const name = head?.displayName ?? user.displayName ?? head?.email ?? user.email ?? "You";
  const unsent = useUnsentEdits();
  const [asking, setAsking] = useState<"sign-out" | "erase" | null>(null);
  const cancel = () => setAsking(null);
  return (
    <>
      <SignOutDialog opened={asking === "sign-out"} unsent={unsent} onSignOut={onSignOut} onCancel={cancel} />
      <EraseDialog opened={asking === "erase"} onErased={onSignOut} onCancel={cancel} />
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
          <Menu.Item
            leftSection={<LogOut size={16} aria-hidden />}
            onClick={() => (unsent > 0 ? setAsking("sign-out") : onSignOut())}
          >
            Sign out
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item c="red" leftSection={<UserX size={16} aria-hidden />} onClick={() => setAsking("erase")}>
            Erase account
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

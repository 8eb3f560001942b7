import { Badge, Button, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";

import { ConfirmDialog } from "@/components/ConfirmDialog";
import type { Household, Member } from "@/features/household/api/list-households";
import { removeMember } from "@/features/household/api/remove-member";
import { Trouble } from "@/features/household/components/Trouble";
import { nameOf } from "@/features/household/household-words";
import { useHouseholdChange } from "@/features/household/use-household-change";
import { useServices } from "@/lib/services";

export interface MembersProps {
  household: Household;
  members: readonly Member[];
  /** Whether the person may take others out. */
  owner: boolean;
}

/** Who is in a household; an owner takes others out. */
export function Members({ household, members, owner }: MembersProps) {
  const { user } = useServices();
  const [leaving, setLeaving] = useState<Member | null>(null);
  const remove = useHouseholdChange(
    (api, member: string) => removeMember(api, household.id, member),
    () => setLeaving(null),
  );
  const close = () => {
    remove.reset();
    setLeaving(null);
  };
  return (
    <>
      <Stack component="ul" className="plain-list" gap="xs" aria-label="Members">
        {members.map((member) => (
          <Group component="li" key={member.id} justify="space-between" wrap="nowrap" data-member={member.id}>
            <Text size="sm" dir="auto" className="truncate">
              {nameOf(member)}
              {member.id === user.uid && " (you)"}
            </Text>
            <Group gap="xs" wrap="nowrap" className="no-shrink">
              {member.role === "owner" && (
                <Badge variant="light" size="sm">
                  Owner
                </Badge>
              )}
              {owner && member.id !== user.uid && (
                <Button
                  variant="subtle"
                  color="red"
                  size="compact-xs"
                  aria-label={`Take out ${nameOf(member)}`}
                  onClick={() => setLeaving(member)}
                >
                  Take out
                </Button>
              )}
            </Group>
          </Group>
        ))}
      </Stack>
      <ConfirmDialog
        opened={leaving !== null}
        title={`Take ${leaving === null ? "them" : nameOf(leaving)} out?`}
        confirm="Take out"
        busy={remove.isPending}
        onConfirm={() => leaving !== null && remove.mutate(leaving.id)}
        onCancel={close}
      >
        <Stack gap="sm">
          <span>
            They see nothing of <bdi>{household.name}</bdi> any more, and what they show in it goes. Both happen at
            once.
          </span>
          <Trouble error={remove.error} />
        </Stack>
      </ConfirmDialog>
    </>
  );
}

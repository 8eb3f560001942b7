import { Button, Group, Stack, TextInput } from "@mantine/core";
import { DoorOpen, Trash2 } from "lucide-react";
import { useState } from "react";

import { ConfirmDialog } from "@/components/ConfirmDialog";
import { dissolveHousehold } from "@/features/household/api/dissolve-household";
import type { Household } from "@/features/household/api/list-households";
import { removeMember } from "@/features/household/api/remove-member";
import { Trouble } from "@/features/household/components/Trouble";
import { useHouseholdChange } from "@/features/household/use-household-change";
import { useServices } from "@/lib/services";
import { toast } from "@/lib/toasts";

export interface EndingProps {
  household: Household;
  owner: boolean;
  /** How many members there are. */
  members: number;
  onGone: () => void;
}

/** Leaving a household, and ending it for everybody. What destroys the household wants its name typed. */
export function Ending({ household, owner, members, onGone }: EndingProps) {
  const [asking, setAsking] = useState<"leave" | "dissolve" | null>(null);
  const close = () => setAsking(null);
  return (
    <Group gap="xs">
      {members > 1 && (
        <Button
          variant="default"
          size="xs"
          leftSection={<DoorOpen size={14} aria-hidden />}
          onClick={() => setAsking("leave")}
        >
          Leave
        </Button>
      )}
      {owner && (
        <Button
          variant="light"
          color="red"
          size="xs"
          leftSection={<Trash2 size={14} aria-hidden />}
          onClick={() => setAsking("dissolve")}
        >
          Dissolve
        </Button>
      )}
      <Leave household={household} owner={owner} opened={asking === "leave"} onCancel={close} onGone={onGone} />
      <Dissolve household={household} opened={asking === "dissolve"} onCancel={close} onGone={onGone} />
    </Group>
  );
}

interface LastWordProps {
  household: Household;
  opened: boolean;
  onCancel: () => void;
  onGone: () => void;
}

function Leave({ household, owner, opened, onCancel, onGone }: LastWordProps & { owner: boolean }) {
  const { user } = useServices();
  const leave = useHouseholdChange(
    (api, id: string) => removeMember(api, id, user.uid),
    () => {
      toast(`You have left ${household.name}`);
      onGone();
    },
  );
  const cancel = () => {
    leave.reset();
    onCancel();
  };
  return (
    <ConfirmDialog
      opened={opened}
      title={`Leave ${household.name}?`}
      confirm="Leave the household"
      busy={leave.isPending}
      onConfirm={() => leave.mutate(household.id)}
      onCancel={cancel}
    >
      <Stack gap="sm">
        <span>
          What you show there goes at once, and you see nothing of it any more. Your own transactions stay as they are.
          To come back you need a new invitation.
          {owner && " If there is no other owner, the member who has been there longest becomes one."}
        </span>
        <Trouble error={leave.error} />
      </Stack>
    </ConfirmDialog>
  );
}

function Dissolve({ household, opened, onCancel, onGone }: LastWordProps) {
  const [typed, setTyped] = useState("");
  const dissolve = useHouseholdChange(
    (api, id: string) => dissolveHousehold(api, id),
    () => {
      toast(`${household.name} is dissolved`);
      onGone();
    },
  );
  const cancel = () => {
    setTyped("");
    dissolve.reset();
    onCancel();
  };
  return (
    <ConfirmDialog
      opened={opened}
      title={`Dissolve ${household.name}?`}
      confirm="Dissolve it for everybody"
      busy={dissolve.isPending}
      ready={typed.trim() === household.name}
      onConfirm={() => dissolve.mutate(household.id)}
      onCancel={cancel}
    >
      <Stack gap="sm">
        <span>
          It ends for every member, with its budgets. There is no way back. Everybody&rsquo;s own transactions stay as
          they are.
        </span>
        <TextInput
          label={`Type ${household.name} to confirm`}
          autoComplete="off"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Trouble error={dissolve.error} />
      </Stack>
    </ConfirmDialog>
  );
}

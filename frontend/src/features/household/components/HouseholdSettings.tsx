import { Button, Divider, Stack, Text, Title } from "@mantine/core";
import { ChevronLeft } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef } from "react";

import type { Household, Member } from "@/features/household/api/list-households";
import { renameHousehold } from "@/features/household/api/rename-household";
import { Ending } from "@/features/household/components/Ending";
import { Invite } from "@/features/household/components/Invite";
import { Members } from "@/features/household/components/Members";
import { OneLineForm } from "@/features/household/components/OneLineForm";
import { SharesForm } from "@/features/household/components/SharesForm";
import { useHouseholdChange } from "@/features/household/use-household-change";
import { memberSchema } from "@/lib/documents";
import { readAs } from "@/lib/live/hooks";
import { useShared } from "@/lib/live/shared";
import { useServices } from "@/lib/services";
import { toast } from "@/lib/toasts";

export interface HouseholdSettingsProps {
  household: Household;
  onBack: () => void;
  onGone: () => void;
}

/** One household: what the person shows there, who is in it, and for an owner its name, invitations and end. */
export function HouseholdSettings({ household, onBack, onGone }: HouseholdSettingsProps) {
  const { user } = useServices();
  const members = useMembers(household);
  const me = members.find(({ id }) => id === user.uid);
  const owner = me?.role === "owner";
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [household.id]);
  return (
    <Stack>
      <Stack gap="xs" align="flex-start">
        <Button
          variant="subtle"
          size="compact-xs"
          leftSection={<ChevronLeft size={14} className="directional" aria-hidden />}
          onClick={onBack}
        >
          All households
        </Button>
        <Title order={3} size="h4" ref={heading} tabIndex={-1} dir="auto" className="quiet-focus whole-name">
          {household.name}
        </Title>
      </Stack>
      <Part title="What you show here">
        <SharesForm key={household.id} household={household} everything={me?.sharesAll ?? false} />
      </Part>
      <Part title="Members">
        <Members household={household} members={members} owner={owner} />
        {owner ? (
          <Invite household={household.id} />
        ) : (
          <Text size="xs" c="dimmed">
            Owners invite, rename, take members out and dissolve.
          </Text>
        )}
      </Part>
      {owner && (
        <Part title="Name">
          <Rename household={household} />
        </Part>
      )}
      <Part title="Leaving">
        <Ending household={household} owner={owner} members={members.length} onGone={onGone} />
      </Part>
    </Stack>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <Divider mb="sm" />
      <Title order={4} size="h6" id={id} mb="xs">
        {title}
      </Title>
      <Stack gap="sm">{children}</Stack>
    </section>
  );
}

function Rename({ household }: { household: Household }) {
  const rename = useHouseholdChange(
    (api, name: string) => renameHousehold(api, household.id, name),
    (_answer, name) => toast(`The household is now called ${name}`),
  );
  return (
    <OneLineForm
      label="Name of the household"
      button="Rename"
      missing="Give the household a name."
      initially={household.name}
      maxLength={60}
      busy={rename.isPending}
      error={rename.error}
      onSubmit={(name) => rename.mutate(name)}
      onTyped={() => rename.reset()}
    />
  );
}

/** As the API listed them, and as soon as Firestore has answered live: who comes and goes is seen while looking. */
function useMembers(household: Household): readonly Member[] {
  const { documents, settled, refused } = useShared(household.id, "members");
  if (!settled || refused) return household.members;
  const live = documents.flatMap((one) => readAs(memberSchema, one));
  return live.map(({ id, data: { displayName, role, sharesAll } }) => ({ id, displayName, role, sharesAll }));
}

import { Alert, Button, Loader, Modal, Stack, Text, UnstyledButton } from "@mantine/core";
import { CircleAlert, House } from "lucide-react";
import { useState } from "react";

import { type Household, useHouseholds } from "@/features/household/api/list-households";
import { Beginning } from "@/features/household/components/Beginning";
import { HouseholdSettings } from "@/features/household/components/HouseholdSettings";
import { membersInWords } from "@/features/household/household-words";

export interface HouseholdsProps {
  /** The household that the page shows, if any: its settings open first. */
  shown: string | null;
  onShow: (household: string | null) => void;
}

/** The person's households, behind a button: making one, joining one, what is shown there, and who is in it. */
export function Households({ shown, onShow }: HouseholdsProps) {
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Button variant="default" size="xs" leftSection={<House size={14} aria-hidden />} onClick={() => setOpened(true)}>
        Households
      </Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title="Households" size="lg">
        <Inside shown={shown} onShow={onShow} />
      </Modal>
    </>
  );
}

function Inside({ shown, onShow }: HouseholdsProps) {
  const { households, known, failed } = useHouseholds();
  const [looked, look] = useState<string | null>(shown);
  const at = households.find(({ id }) => id === looked);
  if (failed && !known)
    return (
      <Alert color="red" role="alert" icon={<CircleAlert size={18} />}>
        Your households could not be read. Close this and try again.
      </Alert>
    );
  if (!known) return <Loader aria-label="Loading" />;
  if (at !== undefined)
    return (
      <HouseholdSettings
        household={at}
        onBack={() => look(null)}
        onGone={() => {
          look(null);
          onShow(null);
        }}
      />
    );
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        People of one household see together what they spend, live. Each says what to show; nobody sees more than that.
      </Text>
      {households.length > 0 && <HouseholdList households={households} onLook={look} />}
      <Beginning
        onIn={({ id }) => {
          look(id);
          onShow(id);
        }}
      />
    </Stack>
  );
}

function HouseholdList({ households, onLook }: { households: readonly Household[]; onLook: (id: string) => void }) {
  return (
    <Stack component="ul" className="plain-list" gap="xs" aria-label="Your households">
      {households.map(({ id, name, members }) => (
        <li key={id}>
          <UnstyledButton className="choice" onClick={() => onLook(id)}>
            <Text fw={500} dir="auto" className="truncate">
              {name}
            </Text>
            <Text size="sm" c="dimmed">
              {membersInWords(members.length)}
            </Text>
          </UnstyledButton>
        </li>
      ))}
    </Stack>
  );
}

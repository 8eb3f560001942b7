import { Button, CopyButton, Group, Stack, Text, TextInput } from "@mantine/core";
import { Check, Copy, UserPlus } from "lucide-react";

import { invite } from "@/features/household/api/invite";
import { Trouble } from "@/features/household/components/Trouble";
import { useHouseholdChange } from "@/features/household/use-household-change";
import { momentName } from "@/lib/months";

/** Makes a code that lets one person in. It is told once and kept nowhere. */
export function Invite({ household }: { household: string }) {
  const asked = useHouseholdChange((api, id: string) => invite(api, id));
  return (
    <Stack gap="xs">
      <Group>
        <Button
          variant="default"
          size="xs"
          leftSection={<UserPlus size={14} aria-hidden />}
          loading={asked.isPending}
          onClick={() => asked.mutate(household)}
        >
          {asked.data === undefined ? "Invite somebody" : "Invite somebody else"}
        </Button>
      </Group>
      <Trouble error={asked.error} />
      <div role="status">
        {asked.data !== undefined && (
          <Stack gap={4}>
            <Group align="flex-end" wrap="nowrap" gap="xs">
              <TextInput
                label="Code of the invitation"
                value={asked.data.code}
                readOnly
                className="grow"
                onFocus={(event) => event.currentTarget.select()}
              />
              <Copied text={asked.data.code} />
            </Group>
            <Text size="xs" c="dimmed">
              Give it to one person: it lets one in, until {momentName(new Date(asked.data.expiresAt))}. It is shown
              this once.
            </Text>
          </Stack>
        )}
      </div>
    </Stack>
  );
}

function Copied({ text }: { text: string }) {
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <Button
          variant="default"
          onClick={copy}
          leftSection={copied ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
        >
          {copied ? "Copied" : "Copy"}
        </Button>
      )}
    </CopyButton>
  );
}

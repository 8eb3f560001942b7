import { Button, Group, Modal, Stack, Text } from "@mantine/core";

export interface AlreadyLinkedProps {
  opened: boolean;
  name: string;
  onSignIn: () => void;
  onChooseAccounts: () => void;
  onClose: () => void;
}

/** The same bank with the same accounts, once more: nothing was added, and what may have been meant is offered. */
export function AlreadyLinked({ opened, name, onSignIn, onChooseAccounts, onClose }: AlreadyLinkedProps) {
  return (
    <Modal opened={opened} onClose={onClose} title="This bank is linked already — repair it?" size="lg" centered>
      <Stack>
        <Text size="sm">
          {name} is linked with these accounts, and it works. Nothing was added, so nothing is counted twice. If
          something is missing, sign in again, or choose which accounts Livespend sees.
        </Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            Leave it
          </Button>
          <Button variant="default" onClick={onChooseAccounts}>
            Add or remove accounts
          </Button>
          <Button onClick={onSignIn}>Sign in again</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

import { Alert, Button, Stack, Text } from "@mantine/core";
import { Info } from "lucide-react";
import { useState } from "react";

import { ConfirmDialog } from "@/components/ConfirmDialog";
import { dropWaitingEdits, useWaitingEdits } from "@/lib/waiting";

/** Before somebody signs in: that the page signed them out by itself, and what waits on this device for them. */
export function Awaited({ signedOut }: { signedOut: boolean }) {
  const waiting = useWaitingEdits();
  const [asking, setAsking] = useState(false);
  const edits = waiting === 1 ? "1 edit" : `${waiting} edits`;
  const drop = () => {
    dropWaitingEdits();
    setAsking(false);
  };
  if (!signedOut && waiting === 0) return null;
  return (
    <Alert mb="md" role="status" icon={<Info size={18} />} title={signedOut ? "You were signed out" : `${edits} kept`}>
      <Stack gap="xs" align="flex-start">
        {signedOut && (
          <Text size="sm">Your sign-in was ended elsewhere, or the password was changed. Nothing saved is lost.</Text>
        )}
        {waiting > 0 && (
          <>
            <Text size="sm">
              {edits} made here {waiting === 1 ? "has" : "have"} not reached Livespend. Sign in with the same account
              and they are sent; nobody else sees or sends them.
            </Text>
            <Button variant="default" size="compact-sm" onClick={() => setAsking(true)}>
              Throw them away
            </Button>
          </>
        )}
      </Stack>
      <ConfirmDialog
        opened={asking}
        title={`Throw ${edits} away?`}
        confirm="Throw away"
        busy={false}
        onConfirm={drop}
        onCancel={() => setAsking(false)}
      >
        They have not reached Livespend, and are nowhere but on this device.
      </ConfirmDialog>
    </Alert>
  );
}

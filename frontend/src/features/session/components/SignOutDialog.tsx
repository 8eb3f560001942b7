import { ConfirmDialog } from "@/components/ConfirmDialog";

export interface SignOutDialogProps {
  opened: boolean;
  unsent: number;
  onSignOut: () => void;
  onCancel: () => void;
}

/** What waits on this device is for its person alone: signing out throws it away, so it asks first. */
export function SignOutDialog({ opened, unsent, onSignOut, onCancel }: SignOutDialogProps) {
  const edits = unsent === 1 ? "1 edit has" : `${unsent} edits have`;
  return (
    <ConfirmDialog
      opened={opened}
      title={unsent === 0 ? "Everything was sent" : "Sign out and lose edits?"}
      confirm={unsent === 0 ? "Sign out" : "Sign out and lose them"}
      busy={false}
      onConfirm={onSignOut}
      onCancel={onCancel}
    >
      {unsent === 0
        ? "No edit waits on this device any more."
        : `${edits} not reached Livespend yet. What waits on this device is sent when the connection is back; signing out throws it away.`}
    </ConfirmDialog>
  );
}

import { Button, Group, Modal, Stack, Textarea } from "@mantine/core";
import { type SubmitEvent, useState } from "react";

export interface NoteDialogProps {
  opened: boolean;
  note: string | null;
  transactionName: string;
  onSave: (note: string | null) => void;
  onClose: () => void;
}

export function NoteDialog({ opened, onClose, ...form }: NoteDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title="Note" centered>
      <NoteForm onClose={onClose} {...form} />
    </Modal>
  );
}

function NoteForm({ note, transactionName, onSave, onClose }: Omit<NoteDialogProps, "opened">) {
  const [text, setText] = useState(note ?? "");
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const written = text.trim();
    if (written !== (note ?? "")) onSave(written === "" ? null : written);
    onClose();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Textarea
          label={`Note for ${transactionName}`}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          maxLength={500}
          autosize
          minRows={3}
          dir="auto"
          data-autofocus
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit">Save note</Button>
        </Group>
      </Stack>
    </form>
  );
}

import { ActionIcon, Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { Plus, X } from "lucide-react";
import { type SubmitEvent, useState } from "react";

import { AmountInput } from "@/components/AmountInput";
import { CategorySelect } from "@/components/CategorySelect";
import { useFocusOnProblem } from "@/components/use-focus-on-problem";
import { AmountOf } from "@/features/transactions/components/AmountOf";
import {
  blankPart,
  checkParts,
  draftsOf,
  exceeds,
  MOST_PARTS,
  type PartDraft,
  type PartProblems,
  remainderOf,
} from "@/features/transactions/split-draft";
import { useCategories } from "@/lib/categories/use-categories";
import type { Split, Transaction } from "@/lib/documents";

export interface SplitDialogProps {
  opened: boolean;
  transaction: Transaction;
  /** The category that keeps what is left, and the parts, as they are shown. */
  categoryId: string;
  splits: readonly Split[];
  onSave: (splits: readonly Split[]) => void;
  onClose: () => void;
}

export function SplitDialog({ opened, onClose, ...form }: SplitDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title="Split into parts" size="lg" centered>
      <SplitForm onClose={onClose} {...form} />
    </Modal>
  );
}

function SplitForm({ transaction, categoryId, splits, onSave, onClose }: Omit<SplitDialogProps, "opened">) {
  const [drafts, setDrafts] = useState(() => draftsOf(splits));
  const [problems, setProblems] = useState<readonly PartProblems[]>([]);
  const form = useFocusOnProblem(problems);
  const set = (key: string, part: Partial<PartDraft>) =>
    setDrafts((before) => before.map((draft) => (draft.key === key ? { ...draft, ...part } : draft)));
  const save = (wanted: readonly Split[]) => {
    onSave(wanted);
    onClose();
  };
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const checked = checkParts(transaction, drafts);
    setProblems("problems" in checked ? checked.problems : []);
    if ("splits" in checked) save(checked.splits);
  };
  return (
    <form onSubmit={submit} ref={form} noValidate>
      <Stack>
        <Text size="sm">
          <bdi>{transaction.merchantName ?? transaction.name}</bdi>:{" "}
          <AmountOf transaction={transaction} exact={transaction.amount} />
        </Text>
        {drafts.map((draft, place) => (
          <PartLine
            key={draft.key}
            place={place}
            draft={draft}
            problems={problems[place] ?? {}}
            onChange={(part) => set(draft.key, part)}
            onRemove={() => setDrafts((before) => before.filter((one) => one !== draft))}
          />
        ))}
        <Group justify="space-between">
          <Button
            variant="default"
            size="xs"
            leftSection={<Plus size={14} aria-hidden />}
            disabled={drafts.length >= MOST_PARTS}
            onClick={() => setDrafts((before) => [...before, blankPart()])}
          >
            Another part
          </Button>
          <Remainder transaction={transaction} categoryId={categoryId} drafts={drafts} />
        </Group>
        <Group justify="flex-end">
          {splits.length > 0 && (
            <Button variant="subtle" color="red" mr="auto" onClick={() => save([])}>
              Join together
            </Button>
          )}
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit">Save parts</Button>
        </Group>
      </Stack>
    </form>
  );
}

interface PartLineProps {
  place: number;
  draft: PartDraft;
  problems: PartProblems;
  onChange: (part: Partial<PartDraft>) => void;
  onRemove: () => void;
}

function PartLine({ place, draft, problems, onChange, onRemove }: PartLineProps) {
  const categories = useCategories();
  const part = `part ${place + 1}`;
  return (
    <Group align="flex-start" gap="xs" role="group" aria-label={`Part ${place + 1}`}>
      <CategorySelect
        categories={categories}
        aria-label={`Category of ${part}`}
        placeholder="Category"
        w={190}
        value={draft.categoryId}
        onChange={(categoryId) => onChange({ categoryId })}
        error={problems.categoryId}
        data-autofocus={place === 0 || undefined}
      />
      <AmountInput
        label={null}
        aria-label={`Amount of ${part}`}
        w={110}
        value={draft.amount}
        onChange={(event) => onChange({ amount: event.currentTarget.value })}
        error={problems.amount}
      />
      <TextInput
        aria-label={`Note on ${part}`}
        placeholder="Note"
        className="grow"
        miw={120}
        maxLength={500}
        dir="auto"
        value={draft.note}
        onChange={(event) => onChange({ note: event.currentTarget.value })}
      />
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Take ${part} out`} onClick={onRemove}>
        <X size={16} />
      </ActionIcon>
    </Group>
  );
}

type RemainderProps = Pick<SplitDialogProps, "transaction" | "categoryId"> & { drafts: readonly PartDraft[] };

function Remainder({ transaction, categoryId, drafts }: RemainderProps) {
  const { find } = useCategories();
  const left = remainderOf(transaction, drafts);
  const tooMuch = exceeds(transaction.amount, left);
  return (
    <Text size="sm" aria-live="polite" {...(tooMuch ? { c: "var(--money-over)" } : {})}>
      {tooMuch ? "Too much by" : "Stays in"} {!tooMuch && <bdi>{find(categoryId).name}</bdi>}{" "}
      <AmountOf transaction={transaction} exact={left} />
    </Text>
  );
}

import { ActionIcon, Alert, Button, Group, Loader, Modal, Stack, Text } from "@mantine/core";
import { ArrowDown, ArrowUp, CircleAlert, Pencil, Trash2, Workflow } from "lucide-react";
import { useState } from "react";

import { CategoryIcon } from "@/components/CategoryIcon";
import { useChangeRules } from "@/features/rules/api/change-rules";
import { useRules } from "@/features/rules/api/list-rules";
import { RuleForm } from "@/features/rules/components/RuleForm";
import { conditionsOf, type Names, type Rule, type RuleChange } from "@/features/rules/rules";
import { useCategories } from "@/lib/categories/use-categories";
import { accountSchema } from "@/lib/documents";
import { useDocuments } from "@/lib/live/hooks";
import { asTyped } from "@/lib/money";

/** The person's rules, behind a button. */
export function Rules() {
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Button
        variant="default"
        size="xs"
        leftSection={<Workflow size={14} aria-hidden />}
        onClick={() => setOpened(true)}
      >
        Rules
      </Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title="Rules" size="lg" centered>
        <RuleList />
      </Modal>
    </>
  );
}

function RuleList() {
  const { data, isError } = useRules();
  const { mutate } = useChangeRules();
  const accounts = useAccountNames();
  const { find } = useCategories();
  if (isError)
    return (
      <Alert color="red" icon={<CircleAlert />}>
        The rules could not be read. Close this and try again.
      </Alert>
    );
  if (data === undefined) return <Loader aria-label="Loading" />;
  const names: Names = {
    account: (id) => accounts.find((one) => one.value === id)?.label ?? "one that is gone",
    category: (id) => find(id).name,
    amount: (exact) => asTyped(exact),
  };
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {data.rules.length === 0
          ? "There are none yet. Choose a category for a transaction, and a rule for its like is offered."
          : "The first rule that holds decides. A category that you chose yourself stays."}
      </Text>
      <ol className="plain-list" aria-label="Rules">
        {data.rules.map((rule) => (
          <RuleLine
            key={rule.id}
            rule={rule}
            last={data.rules.length}
            names={names}
            accounts={accounts}
            onChange={(change) => mutate({ rule, change })}
          />
        ))}
      </ol>
    </Stack>
  );
}

interface RuleLineProps {
  rule: Rule;
  last: number;
  names: Names;
  accounts: readonly { value: string; label: string }[];
  onChange: (change: RuleChange | null) => void;
}

function RuleLine({ rule, last, names, accounts, onChange }: RuleLineProps) {
  const [editing, setEditing] = useState(false);
  const told = conditionsOf(rule, names);
  if (editing)
    return (
      <li className="rule">
        <RuleForm
          rule={rule}
          accounts={accounts}
          onCancel={() => setEditing(false)}
          onSave={(change) => {
            onChange(change);
            setEditing(false);
          }}
        />
      </li>
    );
  return (
    <li className="rule">
      <Group wrap="nowrap" gap="sm">
        <CategoryIcon categoryId={rule.categoryId} />
        <div className="grow">
          <Text fw={500} dir="auto">
            {names.category(rule.categoryId)}
          </Text>
          <Text size="sm" c="dimmed" dir="auto">
            if {told}
          </Text>
        </div>
        <Group wrap="nowrap" gap={2}>
          <Act
            icon={ArrowUp}
            label={`Earlier: ${told}`}
            off={rule.position === 1}
            onClick={() => onChange({ position: rule.position - 1 })}
          />
          <Act
            icon={ArrowDown}
            label={`Later: ${told}`}
            off={rule.position === last}
            onClick={() => onChange({ position: rule.position + 1 })}
          />
          <Act icon={Pencil} label={`Edit: ${told}`} onClick={() => setEditing(true)} />
          <Act icon={Trash2} label={`Remove: ${told}`} onClick={() => onChange(null)} />
        </Group>
      </Group>
    </li>
  );
}

interface ActProps {
  icon: typeof Pencil;
  label: string;
  off?: boolean;
  onClick: () => void;
}

function Act({ icon: Icon, label, off = false, onClick }: ActProps) {
  return (
    <ActionIcon variant="subtle" color="gray" aria-label={label} title={label} disabled={off} onClick={onClick}>
      <Icon size={16} />
    </ActionIcon>
  );
}

function useAccountNames(): { value: string; label: string }[] {
  const { documents } = useDocuments("accounts", accountSchema);
  return documents.map(({ id, data }) => ({
    value: id,
    label: data.mask === null ? data.name : `${data.name} ··${data.mask}`,
  }));
}

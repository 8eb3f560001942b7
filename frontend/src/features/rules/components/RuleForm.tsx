import { Button, Group, Select, Stack, TextInput } from "@mantine/core";
import { type SubmitEvent, useState } from "react";

import { AmountInput } from "@/components/AmountInput";
import { CategorySelect } from "@/components/CategorySelect";
import { useFocusOnProblem } from "@/components/use-focus-on-problem";
import { checkRule, draftOf, type RuleDraft, type RuleProblems } from "@/features/rules/rule-draft";
import { MATCH_WORDS, type Rule, type RuleChange } from "@/features/rules/rules";
import { useCategories } from "@/lib/categories/use-categories";

export interface RuleFormProps {
  rule: Rule;
  accounts: readonly { value: string; label: string }[];
  onSave: (change: RuleChange) => void;
  onCancel: () => void;
}

const MATCHES = Object.entries(MATCH_WORDS).map(([value, label]) => ({ value, label: `Name ${label}` }));
const DIRECTIONS = [
  { value: "out", label: "Money out" },
  { value: "in", label: "Money in" },
];

export function RuleForm({ rule, accounts, onSave, onCancel }: RuleFormProps) {
  const categories = useCategories();
  const [draft, setDraft] = useState(() => draftOf(rule));
  const [problems, setProblems] = useState<RuleProblems>({});
  const form = useFocusOnProblem(problems);
  const set = (part: Partial<RuleDraft>) => setDraft((before) => ({ ...before, ...part }));
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const checked = checkRule(draft);
    setProblems("problems" in checked ? checked.problems : {});
    if ("change" in checked) onSave(checked.change);
  };
  const taxonomy = categories.all.filter((one) => !one.own).map(({ id, name }) => ({ value: id, label: name }));
  return (
    <form onSubmit={submit} ref={form} noValidate>
      <Stack gap="xs">
        <Group align="flex-start" gap="xs">
          <Select
            aria-label="How the name is compared"
            data={MATCHES}
            value={draft.nameMatch}
            onChange={(value) => set({ nameMatch: matchOf(value) })}
            allowDeselect={false}
            w={150}
          />
          <TextInput
            aria-label="Name"
            placeholder="Any name"
            className="grow"
            maxLength={200}
            dir="auto"
            value={draft.nameText}
            onChange={(event) => set({ nameText: event.currentTarget.value })}
            error={problems.nameText}
            data-autofocus
          />
        </Group>
        <Group align="flex-start" gap="xs" grow>
          <Select
            label="Direction"
            placeholder="In or out"
            data={DIRECTIONS}
            clearable
            value={draft.direction}
            onChange={(value) => set({ direction: value === "in" || value === "out" ? value : null })}
          />
          <AmountInput
            label="At least"
            placeholder="Any"
            value={draft.minAmount}
            onChange={(event) => set({ minAmount: event.currentTarget.value })}
            error={problems.minAmount}
          />
          <AmountInput
            label="At most"
            placeholder="Any"
            value={draft.maxAmount}
            onChange={(event) => set({ maxAmount: event.currentTarget.value })}
            error={problems.maxAmount}
          />
        </Group>
        <Group align="flex-start" gap="xs" grow>
          <Select
            label="Account"
            placeholder="Any"
            data={accounts}
            clearable
            value={draft.accountId}
            onChange={(accountId) => set({ accountId })}
          />
          <Select
            label="The bank says"
            placeholder="Any"
            data={taxonomy}
            clearable
            searchable
            value={draft.bankCategoryId}
            onChange={(bankCategoryId) => set({ bankCategoryId })}
          />
        </Group>
        <CategorySelect
          label="Put it into"
          categories={categories}
          value={draft.categoryId}
          onChange={(categoryId) => set({ categoryId })}
          error={problems.categoryId}
        />
        <Group justify="flex-end">
          <Button variant="default" size="xs" onClick={onCancel}>
            Cancel
          </Button>
          <Button type="submit" size="xs">
            Save rule
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function matchOf(value: string | null): RuleDraft["nameMatch"] {
  return value === "equals" || value === "starts" ? value : "contains";
}

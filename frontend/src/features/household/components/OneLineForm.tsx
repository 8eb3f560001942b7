import { Button, Stack, TextInput } from "@mantine/core";
import { type SubmitEvent, useState } from "react";

import { useFocusOnProblem } from "@/components/use-focus-on-problem";
import { Trouble } from "@/features/household/components/Trouble";

export interface OneLineFormProps {
  label: string;
  description?: string;
  button: string;
  /** What is said when nothing was typed. */
  missing: string;
  initially?: string;
  maxLength: number;
  busy: boolean;
  error: unknown;
  onSubmit: (typed: string) => void;
  onTyped: () => void;
}

/** One field and its button. */
export function OneLineForm({ initially = "", ...form }: OneLineFormProps) {
  const [typed, setTyped] = useState(initially);
  const [problem, setProblem] = useState<{ missing?: string }>({});
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const wish = typed.trim();
    setProblem(wish === "" ? { missing: form.missing } : {});
    if (wish !== "") form.onSubmit(wish);
  };
  return (
    <form onSubmit={submit} ref={useFocusOnProblem(problem)} aria-label={form.button} noValidate>
      <Stack gap="xs">
        <TextInput
          label={form.label}
          description={form.description}
          value={typed}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            setProblem({});
            form.onTyped();
          }}
          error={problem.missing}
          maxLength={form.maxLength}
          autoComplete="off"
          spellCheck={false}
          dir="auto"
          rightSection={
            <Button type="submit" variant="light" size="compact-sm" loading={form.busy}>
              {form.button}
            </Button>
          }
          rightSectionWidth={`calc(${form.button.length}ch + 2rem)`}
          rightSectionProps={{ style: { paddingInlineEnd: 4 } }}
        />
        <Trouble error={form.error} />
      </Stack>
    </form>
  );
}

import { Card, Group, Title } from "@mantine/core";
import { type ReactNode, useId } from "react";

export interface PanelProps {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
}

/** A named region of the page. */
export function Panel({ title, actions, children }: PanelProps) {
  const id = useId();
  return (
    <Card component="section" aria-labelledby={id} withBorder radius="lg" padding="lg">
      <Group justify="space-between" mb="md" gap="xs">
        <Title order={2} size="h4" id={id} tabIndex={-1}>
          {title}
        </Title>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Card>
  );
}

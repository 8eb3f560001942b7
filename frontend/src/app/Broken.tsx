import { Button, Center, Stack, Text, Title } from "@mantine/core";

/** When the page cannot start at all: what happened, and the one thing that may help. */
export function Broken({ detail }: { detail: string }) {
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack align="center" maw={480} role="alert">
        <Title order={1} size="h3">
          Livespend cannot start
        </Title>
        <Text ta="center">{detail} Your data is safe.</Text>
        <Button onClick={() => window.location.reload()}>Try again</Button>
      </Stack>
    </Center>
  );
}

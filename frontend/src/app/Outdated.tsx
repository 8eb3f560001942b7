import { Button, Center, Stack, Text, Title } from "@mantine/core";

/** When this person's documents have a shape that this page cannot read: the page is older than the data. */
export function Outdated() {
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack align="center" maw={480} role="alert">
        <Title order={1} size="h3">
          Please reload this page
        </Title>
        <Text ta="center">
          Livespend has been updated, and this page is from before. Nothing is lost; a reload shows your data.
        </Text>
        <Button onClick={() => window.location.reload()}>Reload</Button>
      </Stack>
    </Center>
  );
}

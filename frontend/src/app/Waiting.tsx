import { Center, Loader } from "@mantine/core";

export function Waiting() {
  return (
    <Center mih="100dvh" role="status" aria-label="Loading Livespend">
      <Loader />
    </Center>
  );
}

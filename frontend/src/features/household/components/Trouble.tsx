import { Alert } from "@mantine/core";
import { CircleAlert } from "lucide-react";

import { householdTrouble } from "@/features/household/household-words";

/** What went wrong with a household, beside what was tried. */
export function Trouble({ error }: { error: unknown }) {
  if (error === null) return null;
  return (
    <Alert color="red" role="alert" icon={<CircleAlert size={18} />}>
      {householdTrouble(error)}
    </Alert>
  );
}

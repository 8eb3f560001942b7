import { Divider, Stack } from "@mantine/core";
import { useState } from "react";

import { createHousehold } from "@/features/household/api/create-household";
import { joinHousehold } from "@/features/household/api/join-household";
import type { Household } from "@/features/household/api/list-households";
import { OneLineForm } from "@/features/household/components/OneLineForm";
import { useHouseholdChange } from "@/features/household/use-household-change";
import { IdempotencyKeys } from "@/lib/api/idempotency";

/** The two ways into a household: by making one, or by the code of somebody's invitation. */
export function Beginning({ onIn }: { onIn: (household: Household) => void }) {
  const [keys] = useState(() => new IdempotencyKeys());
  const make = useHouseholdChange(
    (api, name: string) => createHousehold(api, name, keys.for(name)),
    (household) => {
      keys.fulfilled();
      onIn(household);
    },
  );
  const join = useHouseholdChange(joinHousehold, onIn);
  return (
    <Stack>
      <OneLineForm
        label="Name of a new household"
        button="Make it"
        missing="Give the household a name."
        maxLength={60}
        busy={make.isPending}
        error={make.error}
        onSubmit={(name) => make.mutate(name)}
        onTyped={() => make.reset()}
      />
      <Divider label="or" />
      <OneLineForm
        label="Code of an invitation"
        description="An owner of the household gives it to you."
        button="Join"
        missing="Enter the code that you were given."
        maxLength={64}
        busy={join.isPending}
        error={join.error}
        onSubmit={(code) => join.mutate(code)}
        onTyped={() => join.reset()}
      />
    </Stack>
  );
}

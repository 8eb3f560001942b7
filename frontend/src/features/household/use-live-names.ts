import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import * as v from "valibot";

import { type Household, rename } from "@/features/household/api/list-households";
import { useServices } from "@/lib/services";

const headSchema = v.object({ name: v.string() });

/** Keeps the listed households' names as Firestore has them: an owner may rename one while others look at it. */
export function useLiveNames(households: readonly Household[]): void {
  const { live } = useServices();
  const queries = useQueryClient();
  const ids = households.map(({ id }) => id).join(" ");
  useEffect(() => {
    const closers = ids.split(" ").flatMap((id) =>
      id === ""
        ? []
        : live.watchHousehold(id, (data) => {
            const head = v.safeParse(headSchema, data);
            if (head.success) rename(queries, id, head.output.name);
          }),
    );
    return () => closers.forEach((close) => close());
  }, [live, queries, ids]);
}

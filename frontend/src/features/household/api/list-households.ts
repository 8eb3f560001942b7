import { type QueryClient, useQuery } from "@tanstack/react-query";
import * as v from "valibot";

import { useServices } from "@/lib/services";

const memberSchema = v.object({
  id: v.string(),
  displayName: v.optional(v.nullable(v.string()), null),
  role: v.string(),
  sharesAll: v.boolean(),
});

export const householdSchema = v.object({
  id: v.string(),
  name: v.string(),
  members: v.array(memberSchema),
  /** The reader's own accounts that are shared there. */
  accounts: v.array(v.string()),
});

const answerSchema = v.object({ households: v.array(householdSchema) });

export type Household = v.InferOutput<typeof householdSchema>;
export type Member = Household["members"][number];

export interface Households {
  readonly households: readonly Household[];
  /** Whether the list is known: an empty one then says that there are none. */
  readonly known: boolean;
  readonly failed: boolean;
}

const KEY = ["households"];
const NONE: readonly Household[] = [];

/** The households that the person is in, asked when the page opens, after each change and when Firestore refuses one. */
export function useHouseholds(): Households {
  const { api } = useServices();
  const { data, isError } = useQuery({
    queryKey: KEY,
    queryFn: () => api.send({ method: "GET", path: "/api/households", answer: answerSchema }),
  });
  return { households: data?.households ?? NONE, known: data !== undefined, failed: isError };
}

/** Puts a household's name into the list as it was answered; without one there is nothing to do. */
export function rename(queries: QueryClient, id: string, name: string): void {
  queries.setQueryData<v.InferOutput<typeof answerSchema>>(
    KEY,
    (known) => known && { households: known.households.map((one) => (one.id === id ? { ...one, name } : one)) },
  );
}

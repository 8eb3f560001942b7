import { useQuery } from "@tanstack/react-query";
import * as v from "valibot";

import { useServices } from "@/lib/services";

const answerSchema = v.object({ households: v.array(v.object({ id: v.string(), name: v.string() })) });

export type Household = v.InferOutput<typeof answerSchema>["households"][number];

const NONE: readonly Household[] = [];

/** The households that the person is in, asked when the page opens and when Firestore refuses one. */
export function useHouseholds(): readonly Household[] {
  const { api } = useServices();
  const { data } = useQuery({
    queryKey: ["households"],
    queryFn: () => api.send({ method: "GET", path: "/api/households", answer: answerSchema }),
  });
  return data?.households ?? NONE;
}

import { useQuery } from "@tanstack/react-query";
import * as v from "valibot";

import { ruleSchema } from "@/features/rules/rules";
import { useServices } from "@/lib/services";

const answerSchema = v.object({ rules: v.array(ruleSchema) });

/** The person's rules, the first to decide first. */
export function useRules() {
  const { api } = useServices();
  return useQuery({
    queryKey: ["rules"],
    queryFn: () => api.send({ method: "GET", path: "/api/rules", answer: answerSchema }),
  });
}

import { useQueryClient } from "@tanstack/react-query";
import * as v from "valibot";

import type { Rule, RuleChange } from "@/features/rules/rules";
import { useEdit } from "@/lib/live/edits";
import { markedSchema } from "@/lib/live/versions";
import { useServices } from "@/lib/services";
import { toast } from "@/lib/toasts";

const answerSchema = v.object({ changed: v.number(), applying: v.boolean(), marked: markedSchema });

/** Changes or moves a rule, or with null takes it away; says what that moved. One after the other: order counts. */
export function useChangeRules() {
  const { api } = useServices();
  const queries = useQueryClient();
  return useEdit({
    send: ({ rule, change }: { rule: Rule; change: RuleChange | null }) => {
      const path = `/api/rules/${encodeURIComponent(rule.id)}`;
      return change === null
        ? api.send({ method: "DELETE", path, answer: answerSchema })
        : api.send({ method: "PATCH", path, body: change, answer: answerSchema });
    },
    onAnswer: ({ changed, applying }) => {
      void queries.invalidateQueries({ queryKey: ["rules"] });
      if (changed > 0 || applying)
        toast(
          `${changed === 1 ? "1 transaction" : `${changed} transactions`} moved${applying ? "; older ones follow" : ""}`,
        );
    },
    scope: "rules",
    trouble: "The rules were not changed",
  });
}

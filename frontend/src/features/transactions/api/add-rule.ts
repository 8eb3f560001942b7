import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import * as v from "valibot";

import { IdempotencyKeys } from "@/lib/api/idempotency";
import { useEdit } from "@/lib/live/edits";
import { markedSchema } from "@/lib/live/versions";
import { useServices } from "@/lib/services";
import { toast } from "@/lib/toasts";

export interface NewRule {
  readonly nameText: string;
  readonly categoryId: string;
}

/** The longest text that a rule takes; a longer name gets no rule. */
export const LONGEST_RULE = 200;

const answerSchema = v.object({ changed: v.number(), applying: v.boolean(), marked: markedSchema });

/** Makes a rule for everything of one name, and says what it moved. */
export function useAddRule() {
  const { api } = useServices();
  const queries = useQueryClient();
  const [keys] = useState(() => new IdempotencyKeys());
  return useEdit({
    send: (rule: NewRule) =>
      api.send({
        method: "POST",
        path: "/api/rules",
        body: { ...rule, nameMatch: "equals" },
        idempotencyKey: keys.for(rule),
        answer: answerSchema,
      }),
    onAnswer: ({ changed, applying }, { nameText }) => {
      keys.fulfilled();
      toast(`New rule for ${nameText}. ${followers(changed, applying)}`);
      void queries.invalidateQueries({ queryKey: ["rules"] });
    },
    trouble: "The rule was not made",
  });
}

function followers(changed: number, applying: boolean): string {
  const count = changed === 1 ? "1 transaction follows" : `${changed} transactions follow`;
  return `${count} it so far${applying ? "; older ones are on their way." : "."}`;
}

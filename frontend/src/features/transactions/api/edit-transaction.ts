import type { Row } from "@/features/transactions/rows";
import { answerSchema, useAnsweredRow } from "@/features/transactions/use-answered-row";
import type { Api } from "@/lib/api/client";
import { useEdit } from "@/lib/live/edits";
import { useServices } from "@/lib/services";

export interface TransactionEdit {
  /** Null hands the row back to the bank's own category. */
  readonly categoryId?: string | null;
  readonly note?: string | null;
}

function editTransaction(api: Api, id: string, edit: TransactionEdit) {
  return api.send({
    method: "PATCH",
    path: `/api/transactions/${encodeURIComponent(id)}`,
    body: edit,
    answer: answerSchema,
  });
}

/** Changes a row's category or note. What the bank's own category is, only the answer can say: no guess for that. */
export function useEditTransaction(row: Row, onSaved?: (edit: TransactionEdit) => void) {
  const { api } = useServices();
  const showAnswer = useAnsweredRow();
  return useEdit({
    send: (edit: TransactionEdit) => editTransaction(api, row.id, edit),
    guess: ({ categoryId, note }) => ({
      path: row.path,
      change: { ...(typeof categoryId === "string" ? { categoryId } : {}), ...(note === undefined ? {} : { note }) },
    }),
    onAnswer: (answer, edit) => {
      showAnswer(answer);
      onSaved?.(edit);
    },
    intent: ({ categoryId, note }) =>
      note === undefined
        ? { kind: "set-category", body: { entryId: row.id, categoryId: categoryId ?? null } }
        : { kind: "set-note", body: { entryId: row.id, note } },
    scope: row.path,
    trouble: "Your change was not saved",
  });
}

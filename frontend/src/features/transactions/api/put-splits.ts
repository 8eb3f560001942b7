import type { Row } from "@/features/transactions/rows";
import { answerSchema, useAnsweredRow } from "@/features/transactions/use-answered-row";
import type { Split } from "@/lib/documents";
import { useEdit } from "@/lib/live/edits";
import { useServices } from "@/lib/services";

/** Replaces a row's parts as a whole; none joins them together again. */
export function usePutSplits(row: Row) {
  const { api } = useServices();
  return useEdit({
    send: (splits: readonly Split[]) =>
      api.send({
        method: "PUT",
        path: `/api/transactions/${encodeURIComponent(row.id)}/splits`,
        body: { splits },
        answer: answerSchema,
      }),
    guess: (splits) => ({ path: row.path, change: { splits } }),
    onAnswer: useAnsweredRow(),
    intent: (splits) => ({ kind: "put-splits", body: { entryId: row.id, splits: JSON.stringify(splits) } }),
    scope: row.path,
    trouble: "The parts were not saved",
  });
}

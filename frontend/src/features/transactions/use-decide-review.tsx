import { type Decision, decideReview } from "@/features/transactions/api/decide-review";
import { offerUndo } from "@/features/transactions/offer-undo";
import type { Row } from "@/features/transactions/rows";
import type { Review } from "@/lib/documents";
import { useEdit } from "@/lib/live/edits";
import { useServices } from "@/lib/services";

/** Answers the question on a row. A declined one leaves the row, so its undo is offered for a while. */
export function useDecideReview(row: Row, review: Review) {
  const { api } = useServices();
  const takeBack = useEdit({
    send: () => decideReview(api, review.id, "undo"),
    trouble: "Your answer was not taken back",
  });
  return useEdit({
    send: (decision: Decision) => decideReview(api, review.id, decision),
    guess: () => ({ path: row.path, change: {} }),
    onAnswer: (_answer, decision) => {
      if (decision === "decline") offerUndo("Kept as two payments", () => takeBack.mutate());
    },
    scope: row.path,
    trouble: "Your answer was not saved",
  });
}

import { type InfiniteData, useQueryClient } from "@tanstack/react-query";
import * as v from "valibot";

import type { ListAnswer } from "@/features/transactions/api/list-transactions";
import { type Listed, listedSchema } from "@/features/transactions/rows";
import { markedSchema } from "@/lib/live/versions";

/** What the edit of a row answers. */
export const answerSchema = v.object({ transaction: v.optional(v.nullable(listedSchema), null), marked: markedSchema });

/** Puts the row that an edit answered into the months that came from the API: no listener brings those. */
export function useAnsweredRow(): (answer: v.InferOutput<typeof answerSchema>) => void {
  const queries = useQueryClient();
  return ({ transaction }) => {
    if (transaction === null) return;
    queries.setQueriesData<InfiniteData<ListAnswer>>(
      { queryKey: ["transactions", transaction.month] },
      (data) => data && { ...data, pages: data.pages.map((page) => withRow(page, transaction)) },
    );
  };
}

function withRow(page: ListAnswer, changed: Listed): ListAnswer {
  return { ...page, transactions: page.transactions.map((one) => (one.id === changed.id ? changed : one)) };
}

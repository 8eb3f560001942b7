import { type InfiniteData, useQueryClient } from "@tanstack/react-query";
import * as v from "valibot";

import type { ListAnswer } from "@/features/transactions/api/list-transactions";
import { type Listed, listedSchema, type Row } from "@/features/transactions/rows";
import type { Api } from "@/lib/api/client";
import { useEdit } from "@/lib/live/edits";
import { markedSchema } from "@/lib/live/versions";
import { useServices } from "@/lib/services";

export interface TransactionEdit {
  /** Null hands the row back to the bank's own category. */
  readonly categoryId?: string | null;
  readonly note?: string | null;
}

const answerSchema = v.object({ transaction: v.optional(v.nullable(listedSchema), null), marked: markedSchema });

function editTransaction(api: Api, id: string, edit: TransactionEdit) {
  return api.send({
    method: "PATCH",
    path: `/api/transactions/${encodeURIComponent(id)}`,
    body: edit,
    answer: answerSchema,
  });
}

/** Changes a row's category or note. What the bank's own category is, only the answer can say: no guess for that. */
export function useEditTransaction(row: Row) {
  const { api } = useServices();
  const queries = useQueryClient();
  return useEdit({
    send: (edit: TransactionEdit) => editTransaction(api, row.id, edit),
    guess: ({ categoryId, note }) => ({
      path: row.path,
      change: { ...(typeof categoryId === "string" ? { categoryId } : {}), ...(note === undefined ? {} : { note }) },
    }),
    onAnswer: ({ transaction }) => {
      if (transaction === null) return;
      queries.setQueriesData<InfiniteData<ListAnswer>>(
        { queryKey: ["transactions", transaction.month] },
        (data) => data && { ...data, pages: data.pages.map((page) => withRow(page, transaction)) },
      );
    },
    scope: row.path,
    trouble: "Your change was not saved",
  });
}

function withRow(page: ListAnswer, changed: Listed): ListAnswer {
  return { ...page, transactions: page.transactions.map((one) => (one.id === changed.id ? changed : one)) };
}

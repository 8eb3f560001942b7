import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import * as v from "valibot";

import { listedSchema } from "@/features/transactions/rows";
import type { Month } from "@/lib/months";
import { useServices } from "@/lib/services";

export const answerSchema = v.object({
  transactions: v.array(listedSchema),
  nextCursor: v.optional(v.nullable(v.string()), null),
});

export type ListAnswer = v.InferOutput<typeof answerSchema>;

/** A month from the API. Asked again when the month's document reaches another version, so it stays current. */
export function useListedTransactions(month: Month, monthVersion: string, enabled: boolean) {
  const { api } = useServices();
  return useInfiniteQuery({
    queryKey: ["transactions", month, monthVersion],
    enabled,
    initialPageParam: "",
    placeholderData: keepPreviousData,
    getNextPageParam: (page: ListAnswer) => page.nextCursor,
    queryFn: ({ pageParam }) => {
      const query = new URLSearchParams({ month, limit: "100", ...(pageParam === "" ? {} : { cursor: pageParam }) });
      return api.send({ method: "GET", path: `/api/transactions?${query.toString()}`, answer: answerSchema });
    },
  });
}

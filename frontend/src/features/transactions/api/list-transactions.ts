import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import * as v from "valibot";

import { listedSchema } from "@/features/transactions/rows";
import type { Month } from "@/lib/months";
import { useServices } from "@/lib/services";

export const answerSchema = v.object({
  transactions: v.array(listedSchema),
  nextCursor: v.optional(v.nullable(v.string()), null),
});

export type ListAnswer = v.InferOutput<typeof answerSchema>;

/** The longest page that the API gives. */
const PAGE = "200";

/** A month from the API. Asked again, page by page, when the month's document reaches another version. */
export function useListedTransactions(month: Month, monthVersion: string, enabled: boolean) {
  const { api } = useServices();
  const queries = useQueryClient();
  const [firstVersion] = useState(monthVersion);
  useEffect(() => {
    if (monthVersion !== firstVersion) void queries.invalidateQueries({ queryKey: ["transactions", month] });
  }, [queries, month, monthVersion, firstVersion]);
  return useInfiniteQuery({
    queryKey: ["transactions", month],
    enabled,
    initialPageParam: "",
    getNextPageParam: (page: ListAnswer) => page.nextCursor,
    queryFn: ({ pageParam }) => {
      const query = new URLSearchParams({ month, limit: PAGE, ...(pageParam === "" ? {} : { cursor: pageParam }) });
      return api.send({ method: "GET", path: `/api/transactions?${query.toString()}`, answer: answerSchema });
    },
  });
}

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import * as v from "valibot";

import { type Categories, mergeCategories } from "@/lib/categories/categories";
import { categorySchema } from "@/lib/documents";
import { useDocuments } from "@/lib/live/hooks";
import { useServices } from "@/lib/services";

const answerSchema = v.object({
  categories: v.array(v.object({ id: v.string(), name: v.string(), own: v.boolean(), excluded: v.boolean() })),
});

const NONE: v.InferOutput<typeof answerSchema> = { categories: [] };

/** The built-in categories, asked once, and the own ones, live. */
export function useCategories(): Categories {
  const { api } = useServices();
  const own = useDocuments("categories", categorySchema);
  const { data = NONE } = useQuery({
    queryKey: ["categories"],
    queryFn: () => api.send({ method: "GET", path: "/api/categories", answer: answerSchema }),
    staleTime: Infinity,
  });
  return useMemo(() => {
    const mine = own.documents.map(({ id, data }) => ({ id, name: data.name, own: true, excluded: false }));
    return mergeCategories(data.categories, mine, own.settled);
  }, [data, own]);
}

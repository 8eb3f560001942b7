import { useMutation, useQueryClient } from "@tanstack/react-query";

import type { Api } from "@/lib/api/client";
import { useServices } from "@/lib/services";

/** A change of a household: sent, then the list is read anew (also when it was refused), then `onDone`. */
export function useHouseholdChange<V, A>(
  send: (api: Api, wish: V) => Promise<A>,
  onDone: (answer: A, wish: V) => void = () => undefined,
) {
  const { api } = useServices();
  const queries = useQueryClient();
  const readAnew = () => queries.invalidateQueries({ queryKey: ["households"] });
  return useMutation({
    mutationFn: (wish: V) => send(api, wish),
    networkMode: "always",
    onSuccess: async (answer, wish) => {
      await readAnew();
      onDone(answer, wish);
    },
    onError: () => void readAnew(),
  });
}

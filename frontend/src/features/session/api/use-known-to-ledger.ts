import { useQuery } from "@tanstack/react-query";

import { putProfile } from "@/features/session/api/put-profile";
import { useServices } from "@/lib/services";

/** Makes sure, once per sign-in, that the ledger knows the person; until then nothing of theirs is mirrored. */
export function useKnownToLedger() {
  const { api, user } = useServices();
  return useQuery({
    queryKey: ["me", user.uid],
    queryFn: () => putProfile(api, user.displayName ?? undefined),
    staleTime: Infinity,
  });
}

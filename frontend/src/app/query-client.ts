import { QueryClient } from "@tanstack/react-query";

import { ApiError } from "@/lib/api/errors";

const TRIES = 3;

/** Sends again what nobody answered: every write is safe to repeat. While offline, requests wait. */
export function createQueryClient(): QueryClient {
  const retry = (failures: number, error: Error) => failures < TRIES && error instanceof ApiError && error.passing;
  return new QueryClient({
    defaultOptions: {
      queries: { retry, refetchOnWindowFocus: false },
      mutations: { retry, retryDelay: (n) => 500 * 2 ** n },
    },
  });
}

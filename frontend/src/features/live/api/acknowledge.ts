import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import type { ShownVersion } from "@/lib/live/shown";

/** Tells which versions this screen showed, as ages; `roundTripMs` is the quickest answer that it has seen. */
export function acknowledge(api: Api, screen: string, roundTripMs: number, versions: readonly ShownVersion[]) {
  const now = performance.now();
  return api.send({
    method: "POST",
    path: "/api/acknowledgements",
    body: {
      screen,
      roundTripMs,
      versions: versions.map(({ epoch, number, receivedAt, renderedAt }) => ({
        epoch,
        number,
        receivedMsAgo: now - receivedAt,
        renderedMsAgo: now - renderedAt,
      })),
    },
    answer: v.object({ noted: v.number() }),
  });
}

import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import type { ShownVersion } from "@/lib/live/shown";

/** Tells which versions of one owner this screen showed, as ages; `roundTripMs` is the quickest answer it has seen. */
export function acknowledge(
  api: Api,
  screen: string,
  roundTripMs: number,
  household: string | null,
  versions: readonly ShownVersion[],
) {
  const now = performance.now();
  return api.send({
    method: "POST",
    path: "/api/acknowledgements",
    body: {
      screen,
      roundTripMs,
      ...(household === null ? {} : { household }),
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

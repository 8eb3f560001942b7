import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import type { Month } from "@/lib/months";

/** Has these days and their month mirrored anew; `shown` are the entries that the page shows on them. */
export function requestRepair(
  api: Api,
  month: Month,
  days: readonly string[],
  shown: readonly string[],
  household: string | null,
) {
  return api.send({
    method: "POST",
    path: "/api/repairs",
    body: {
      ...{ month, days: days.slice(0, 31), shown: shown.slice(0, 500) },
      ...(household === null ? {} : { household }),
    },
    answer: v.object({ documents: v.number() }),
  });
}

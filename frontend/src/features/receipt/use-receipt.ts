import { useEffect, useRef, useState } from "react";

import { requestRepair } from "@/features/receipt/api/request-repair";
import { judge, type ShownRow, type Verdict } from "@/features/receipt/judge";
import { type MonthTotals, sharedTransactionSchema, transactionSchema, unshowableSchema } from "@/lib/documents";
import { useConnection } from "@/lib/live/connection";
import { readAs, type Read, useEditsOnTheirWay } from "@/lib/live/hooks";
import type { LiveDocument } from "@/lib/live/topics";
import { type Month, monthOf } from "@/lib/months";
import { useServices } from "@/lib/services";

/** Rows and totals of one commit come by two listeners: nothing is judged before both have been quiet for so long. */
const QUIET_MS = 300;
/** What differs for so long, with nothing arriving, is no matter of two listeners any more. */
const PERSISTS_MS = 3_000;
const ASK_AGAIN_MS = { first: 30_000, longest: 600_000 };

export interface Receipt extends Verdict {
  readonly at: Date;
}

/** What a page shows of a month, the person's own or a household's. */
export interface ShownMonth {
  readonly month: Month;
  readonly totals: Read<MonthTotals> | undefined;
  readonly documents: readonly LiveDocument[];
  /** Whether Firestore vouches for these rows. */
  readonly sure: boolean;
  /** The page lists no more rows than these; null for all there are. */
  readonly limit: number | null;
  readonly household: string | null;
}

/** The last verdict on what the page shows of a month; null while there is none. What differs is asked to be repaired. */
export function useReceipt({ month, totals, documents, sure, limit, household }: ShownMonth): Receipt | null {
  const { api } = useServices();
  const connection = useConnection();
  const edits = useEditsOnTheirWay();
  const judgeable = connection === "live" && edits === 0 && sure;
  const [judged, setJudged] = useState<{ month: Month; receipt: Receipt } | null>(null);
  const pause = useRef(ASK_AGAIN_MS.first);
  useEffect(() => {
    if (totals === undefined || !judgeable) return undefined;
    const rows = documents.map((one) => rowOf(one, household !== null));
    let timer = setTimeout(() => void look(), QUIET_MS);
    let over = false;
    async function look() {
      if (totals === undefined) return;
      const verdict = await judge(totals.data, rows, limit ?? Infinity);
      if (over) return;
      if (verdict.state !== "differs") {
        pause.current = ASK_AGAIN_MS.first;
        setJudged({ month, receipt: { ...verdict, at: new Date() } });
      } else timer = setTimeout(() => ask(verdict), PERSISTS_MS);
    }
    function ask(verdict: Verdict) {
      setJudged({ month, receipt: { ...verdict, at: new Date() } });
      const shown = rows.filter(({ date }) => date !== null && verdict.days.includes(date)).map(({ id }) => id);
      const inMonth = verdict.days.filter((day) => monthOf(new Date(`${day}T12:00`)) === month);
      requestRepair(api, month, inMonth, shown, household).catch(() => undefined);
      timer = setTimeout(() => ask(verdict), pause.current);
      pause.current = Math.min(2 * pause.current, ASK_AGAIN_MS.longest);
    }
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [api, month, totals, documents, limit, household, judgeable]);
  return judged?.month === month ? judged.receipt : null;
}

function rowOf(document: LiveDocument, shared: boolean): ShownRow {
  const { id } = document;
  const [shown] = shared ? readAs(sharedTransactionSchema, document) : readAs(transactionSchema, document);
  if (shown !== undefined) return { id, date: shown.data.date, transaction: shown.data };
  const [rest] = readAs(unshowableSchema, document);
  return { id, date: rest?.data.date ?? null, transaction: null };
}

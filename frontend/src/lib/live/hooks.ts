/** How components read the live store. */
import { useEffect, useMemo } from "react";
import * as v from "valibot";
import { useStore } from "zustand";
import { useShallow } from "zustand/react/shallow";

import { type Transaction, transactionSchema } from "@/lib/documents";
import { type Change, changeAt } from "@/lib/live/guesses";
import { shapeNamedBy, SHAPES } from "@/lib/live/shapes";
import { documentAt } from "@/lib/live/store";
import {
  type LiveDocument,
  NOTHING_YET,
  type Topic,
  type TopicKey,
  transactionsOf,
  type WholeCollection,
} from "@/lib/live/topics";
import type { Month } from "@/lib/months";
import { useServices } from "@/lib/services";

export type Connection = "connecting" | "live" | "offline";

export interface Read<T> {
  readonly path: string;
  readonly id: string;
  readonly data: T;
}

export interface Documents<T> {
  readonly documents: readonly Read<T>[];
  /** Documents that this page does not understand. */
  readonly unreadable: number;
  readonly settled: boolean;
}

export function useTopic(key: TopicKey): Topic {
  return useStore(useServices().live.store, (state) => state.topics[key] ?? NOTHING_YET);
}

/** The documents of a small collection, checked against their schema. */
export function useDocuments<T>(key: WholeCollection | "head", schema: v.GenericSchema<unknown, T>): Documents<T> {
  const topic = useTopic(key);
  return useMemo(() => {
    const documents = topic.documents.flatMap((document) => readAs(schema, document));
    return { documents, unreadable: topic.documents.length - documents.length, settled: topic.settled };
  }, [topic, schema]);
}

/** Whether the head names a shape of documents that this page cannot read. */
export function useOutdated(): boolean {
  const named = shapeNamedBy(useTopic("head").documents[0]?.data);
  return named !== null && !SHAPES.has(named);
}

/** The newest transactions of a month, as they are in Firestore; null listens to none. */
export function useMonthPage(month: Month | null, size: number): Topic {
  const { live } = useServices();
  useEffect(() => (month === null ? undefined : live.watchMonth(month, size)), [live, month, size]);
  return useStore(live.store, (state) =>
    month === null ? NOTHING_YET : (state.topics[transactionsOf(month)] ?? NOTHING_YET),
  );
}

/** Transactions that an open listener has brought, in the order asked for; null for one that none has. */
export function useLoadedTransactions(ids: readonly string[]): readonly (Read<Transaction> | null)[] {
  const { live } = useServices();
  const found = useStore(
    live.store,
    useShallow((state) => ids.map((id) => documentAt(state, live.documentPath("transactions", id)))),
  );
  return useMemo(() => found.map((document) => (document && readAs(transactionSchema, document)[0]) ?? null), [found]);
}

/** What the person's own edits, still on their way, lay over a document. */
export function useChangeAt(path: string): Change {
  return useStore(
    useServices().live.store,
    useShallow((state) => changeAt(state.guesses, path)),
  );
}

export function useIsOnItsWay(path: string): boolean {
  return useStore(useServices().live.store, (state) => state.guesses.some((guess) => guess.path === path));
}

/** Documents whose deletion is on its way. */
export function useHiddenPaths(): readonly string[] {
  return useStore(
    useServices().live.store,
    useShallow((state) =>
      state.guesses.flatMap(({ path, change }) => (path !== null && change.removed === true ? [path] : [])),
    ),
  );
}

export function useEditsOnTheirWay(): number {
  return useStore(useServices().live.store, (state) => state.guesses.length);
}

/** Edits that the ledger may never hear of if the person leaves now: being sent, or kept and not yet in Firestore. */
export function useUnsentEdits(): number {
  const { live } = useServices();
  return useStore(live.store, ({ guesses }) => {
    const sending = guesses.filter(({ id, awaits }) => awaits === null && !live.intents.keeps(id));
    return sending.length + live.intents.unsent();
  });
}

const cache = new WeakMap<LiveDocument, Map<unknown, Read<unknown>[]>>();

/** One result or none. Kept per document: an unchanged document is checked once and keeps its identity. */
export function readAs<T>(schema: v.GenericSchema<unknown, T>, document: LiveDocument): Read<T>[] {
  const reads = cache.get(document) ?? new Map<unknown, Read<unknown>[]>();
  const known = reads.get(schema);
  if (known !== undefined) return known as Read<T>[];
  const parsed = v.safeParse(schema, document.data);
  const read = parsed.success ? [{ path: document.path, id: document.id, data: parsed.output }] : [];
  cache.set(document, reads.set(schema, read));
  return read;
}

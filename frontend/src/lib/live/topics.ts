/** A topic is one thing the screen listens to: a collection of the user, their head, or a page of one month. */
import type { Month } from "@/lib/months";

/** Small collections, listened to whole for as long as somebody is signed in. */
export const WHOLE_COLLECTIONS = [
  "months",
  "accounts",
  "items",
  "imports",
  "recurring",
  "categories",
  "budgets",
] as const;

export type WholeCollection = (typeof WHOLE_COLLECTIONS)[number];
export type TopicKey = "head" | WholeCollection | `transactions/${Month}`;

export interface LiveDocument {
  readonly path: string;
  readonly id: string;
  readonly data: unknown;
}

export interface Topic {
  /** In the order of the query. An unchanged document keeps its identity from one snapshot to the next. */
  readonly documents: readonly LiveDocument[];
  /** True once the server has answered: an empty topic is then known to be empty. */
  readonly settled: boolean;
  /** True while Firestore cannot be reached; what is shown is then what was last known. */
  readonly stale: boolean;
  /** Set while Firestore refuses the listener; it tries again by itself. */
  readonly refused: string | null;
  /** How many documents the listener that answered last brings at most; null for all there are. */
  readonly limit: number | null;
}

export const NOTHING_YET: Topic = { documents: [], settled: false, stale: false, refused: null, limit: null };

export function transactionsOf(month: Month): TopicKey {
  return `transactions/${month}`;
}

/** The kind of document that a topic brings; "head" is none. */
export function kindOf(topic: TopicKey): string {
  return topic.split("/", 1)[0] ?? topic;
}

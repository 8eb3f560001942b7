/**
 * What the listeners brought and what the person guessed, in one store that changes in one step.
 *
 * The Firestore SDK reports the documents of one mirror commit listener by listener, each in a timer of its own.
 * Everything reported in that round is gathered and applied at once, so a row and its total change in the same
 * frame, and a guess goes in the very step that brings its document.
 */
import { createStore, type StoreApi } from "zustand/vanilla";

import { afterEvent, type Guess, type GuessEvent } from "@/lib/live/guesses";
import { type LiveDocument, NOTHING_YET, type Topic, type TopicKey, WHOLE_COLLECTIONS } from "@/lib/live/topics";
import { reached, type Version } from "@/lib/live/versions";

const NEVER: Version = { epoch: 0, number: 0 };

export interface LiveState {
  readonly topics: Readonly<Partial<Record<TopicKey, Topic>>>;
  readonly guesses: readonly Guess[];
}

export type LiveEvent =
  | { readonly type: "snapshot"; readonly topic: TopicKey; readonly snapshot: Snapshot }
  | { readonly type: "unreached"; readonly topic: TopicKey }
  | { readonly type: "denied"; readonly topic: TopicKey; readonly reason: string }
  | { readonly type: "closed"; readonly topic: TopicKey }
  | GuessEvent;

export interface Snapshot {
  readonly documents: readonly LiveDocument[];
  readonly changed: ReadonlySet<string>;
  readonly stale: boolean;
  readonly limit?: number;
}

export type LiveStore = StoreApi<LiveState>;

export function createLiveStore(): LiveStore {
  return createStore<LiveState>(() => ({ topics: {}, guesses: [] }));
}

/** Gathers events and applies them together after the timers already due have run. */
export function batcher(store: LiveStore, uid: string, applied?: () => void): (event: LiveEvent) => void {
  let waiting: LiveEvent[] = [];
  const flush = () => {
    const events = waiting;
    waiting = [];
    store.setState((state) => events.reduce((next, event) => applyEvent(next, event, uid), state));
    applied?.();
  };
  return (event) => {
    if (waiting.length === 0) setTimeout(flush, 0);
    waiting.push(event);
  };
}

export function applyEvent(state: LiveState, event: LiveEvent, uid: string): LiveState {
  switch (event.type) {
    case "snapshot":
      return applySnapshot(state, event.topic, event.snapshot, uid);
    case "unreached":
      return withTopic(state, event.topic, { ...topicOf(state, event.topic), stale: true });
    case "denied":
      return withTopic(state, event.topic, { ...topicOf(state, event.topic), stale: true, refused: event.reason });
    case "closed":
      return applyClosed(state, event.topic, uid);
    default:
      return withGuessEvents(state, [event], uid);
  }
}

export function versionOf(data: unknown): Version | null {
  const version = (data as { version?: Partial<Version> } | null)?.version;
  return typeof version?.epoch === "number" && typeof version.number === "number" ? (version as Version) : null;
}

/** A document wherever an open listener brought it. */
export function documentAt(state: LiveState, path: string): LiveDocument | undefined {
  for (const topic of Object.values(state.topics)) {
    const found = topic?.documents.find((document) => document.path === path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The version that a person sees of a document: what is shown, or what an edit of theirs is known to have reached. */
export function seenAt(state: LiveState, path: string | null): Version {
  if (path === null) return NEVER;
  const shown = documentAt(state, path);
  const head = state.topics.head?.documents[0]?.data as { mirrorHead?: unknown } | undefined;
  const seen = shown === undefined ? versionOf({ version: head?.mirrorHead }) : versionOf(shown.data);
  return state.guesses.reduce(
    (newest, { path: at, awaits }) => (at === path && awaits !== null && reached(awaits, newest) ? awaits : newest),
    seen ?? NEVER,
  );
}

function applySnapshot(state: LiveState, key: TopicKey, snapshot: Snapshot, uid: string): LiveState {
  const before = new Map(topicOf(state, key).documents.map((document) => [document.path, document]));
  const documents = snapshot.documents.map((document) =>
    snapshot.changed.has(document.path) ? document : (before.get(document.path) ?? document),
  );
  const next = withTopic(state, key, {
    documents,
    settled: true,
    stale: snapshot.stale,
    refused: null,
    limit: snapshot.limit ?? null,
  });
  for (const document of documents) before.delete(document.path);
  const arrived = documents.filter((document) => snapshot.changed.has(document.path)).flatMap(arrival);
  return withGuessEvents(next, [...arrived, ...[...before.keys()].map(departure)], uid);
}

function arrival({ path, data }: LiveDocument): GuessEvent[] {
  const version = versionOf(data);
  return version === null ? [] : [{ type: "arrived", path, version }];
}

function departure(path: string): GuessEvent {
  return { type: "left", path };
}

function applyClosed(state: LiveState, key: TopicKey, uid: string): LiveState {
  const left = topicOf(state, key).documents.map(({ path }) => departure(path));
  const topics = { ...state.topics };
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- the key set is the set of open listeners
  delete topics[key];
  return withGuessEvents({ ...state, topics }, left, uid);
}

function withTopic(state: LiveState, key: TopicKey, topic: Topic): LiveState {
  return { ...state, topics: { ...state.topics, [key]: topic } };
}

function withGuessEvents(state: LiveState, events: readonly GuessEvent[], uid: string): LiveState {
  if (events.length === 0) return state;
  const onScreen = (path: string) => versionOnScreen(state, path, uid);
  const guesses = events.reduce((guesses, event) => afterEvent(guesses, event, onScreen), state.guesses);
  return guesses === state.guesses ? state : { ...state, guesses };
}

/** Null: not there, but a listener would bring it. Undefined: no listener would. */
function versionOnScreen(state: LiveState, path: string, uid: string): Version | null | undefined {
  const found = documentAt(state, path);
  if (found !== undefined) return versionOf(found.data);
  const collection = path.slice(`users/${uid}/`.length).split("/")[0];
  return WHOLE_COLLECTIONS.some((name) => name === collection) ? null : undefined;
}

function topicOf(state: LiveState, key: TopicKey): Topic {
  return state.topics[key] ?? NOTHING_YET;
}

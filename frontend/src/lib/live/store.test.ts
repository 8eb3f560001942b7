import { beforeEach, expect, test, vi } from "vitest";

import { applyEvent, batcher, createLiveStore, type LiveEvent, type LiveState } from "@/lib/live/store";
import type { LiveDocument, TopicKey } from "@/lib/live/topics";

const ROWS: TopicKey = "transactions/2026-11";
const ROW = "users/u/transactions/a";

function document(path: string, number: number): LiveDocument {
  return { path, id: path.split("/").at(-1) ?? "", data: { version: { epoch: 1, number } } };
}

function snapshot(
  topic: TopicKey,
  documents: LiveDocument[],
  changed = documents.map((one) => one.path),
  stale = false,
): LiveEvent {
  return { type: "snapshot", topic, snapshot: { documents, changed: new Set(changed), stale } };
}

function play(...events: LiveEvent[]): LiveState {
  return events.reduce((state, event) => applyEvent(state, event, "u"), createLiveStore().getInitialState());
}

const edit: LiveEvent = { type: "guessed", id: "1", path: ROW, change: { categoryId: "TRAVEL" } };
const marked: LiveEvent = { type: "answered", id: "1", marked: [{ path: ROW, version: { epoch: 1, number: 2 } }] };

beforeEach(() => {
  vi.useRealTimers();
});

test("an unchanged document keeps its identity, a changed one gets a new one", () => {
  const before = play(snapshot(ROWS, [document("a", 1), document("b", 1)]));
  const after = applyEvent(before, snapshot(ROWS, [document("a", 2), document("b", 1)], ["a"]), "u");
  expect(after.topics[ROWS]?.documents[1]).toBe(before.topics[ROWS]?.documents[1]);
  expect(after.topics[ROWS]?.documents[0]).not.toBe(before.topics[ROWS]?.documents[0]);
});

test("a guess goes in the very step that brings its document", () => {
  const waiting = play(snapshot(ROWS, [document(ROW, 1)]), edit, marked);
  expect(waiting.guesses).toHaveLength(1);
  const done = applyEvent(waiting, snapshot(ROWS, [document(ROW, 2)]), "u");
  expect(done.guesses).toEqual([]);
  expect(done.topics[ROWS]?.documents[0]?.data).toEqual({ version: { epoch: 1, number: 2 } });
});

test("a guess goes when its document drops out of the list", () => {
  expect(play(snapshot(ROWS, [document(ROW, 1)]), edit, marked, snapshot(ROWS, [])).guesses).toEqual([]);
});

test("a guess goes when nobody listens to its month any more", () => {
  expect(play(snapshot(ROWS, [document(ROW, 1)]), edit, marked, { type: "closed", topic: ROWS }).guesses).toEqual([]);
});

test("a month that does not exist yet is waited for, a row that no listener brings is not", () => {
  const added: LiveEvent = { type: "guessed", id: "1", path: null, change: {} };
  const version = { epoch: 1, number: 2 };
  const month = { path: "users/u/months/2026-12", version };
  expect(play(added, { type: "answered", id: "1", marked: [month] }).guesses).toHaveLength(1);
  expect(play(added, { type: "answered", id: "1", marked: [{ path: ROW, version }] }).guesses).toEqual([]);
});

test("a lost connection keeps what is on the screen and says that it may be old", () => {
  const state = play(snapshot(ROWS, [document(ROW, 1)]), snapshot(ROWS, [document(ROW, 1)], [], true));
  expect(state.topics[ROWS]).toMatchObject({ settled: true, stale: true, documents: [{ path: ROW }] });
});

test("a refused listener keeps what is on the screen and says so", () => {
  const state = play(snapshot(ROWS, [document(ROW, 1)]), { type: "denied", topic: ROWS, reason: "permission-denied" });
  expect(state.topics[ROWS]).toMatchObject({ refused: "permission-denied", documents: [{ path: ROW }] });
});

test("what listeners report one timer after the other changes the screen once", () => {
  vi.useFakeTimers();
  const store = createLiveStore();
  const report = batcher(store, "u");
  const seen: LiveState[] = [];
  store.subscribe((state) => seen.push(state));
  setTimeout(() => report(snapshot(ROWS, [document(ROW, 2)])), 0);
  setTimeout(() => report(snapshot("months", [document("users/u/months/2026-11", 2)])), 0);
  vi.runAllTimers();
  expect(seen).toHaveLength(1);
  expect(Object.keys(seen[0]?.topics ?? {})).toEqual([ROWS, "months"]);
});

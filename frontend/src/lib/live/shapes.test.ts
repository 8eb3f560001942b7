import { expect, test } from "vitest";

import { type Kind, type Open, ShapeFollower, shapeNamedBy, SHAPES } from "@/lib/live/shapes";
import type { LiveEvent } from "@/lib/live/store";
import type { TopicKey } from "@/lib/live/topics";

const ROWS: TopicKey = "transactions/2026-11";
const TWO = new Map(
  [...SHAPES].flatMap(([number, shape]) => [
    [number, shape] as const,
    [number + 1, { ...shape, transactions: "transactions_v2", months: "months_v2" }] as const,
  ]),
);

/** Listeners that a test answers for: `bring` says what one of a collection saw. */
class Desk {
  readonly shown: LiveEvent[] = [];
  readonly follower = new ShapeFollower((event) => this.shown.push(event), TWO);
  readonly #open = new Map<string, ((event: LiveEvent) => void)[]>();

  listen(topic: TopicKey, kind: Kind, query = ""): void {
    const open: Open = (shape, report) => {
      const name = shape[kind] + query;
      this.#open.set(name, [...(this.#open.get(name) ?? []), report]);
      return () =>
        this.#open.set(
          name,
          (this.#open.get(name) ?? []).filter((one) => one !== report),
        );
    };
    this.follower.open(topic, open);
  }

  get listening(): string[] {
    return [...this.#open].flatMap(([name, reports]) => (reports.length > 0 ? [name] : [])).sort();
  }

  bring(collection: string, topic: TopicKey, ...ids: string[]): void {
    const documents = ids.map((id) => ({ path: `users/u/${topic}/${id}`, id, data: { from: collection } }));
    const snapshot = { documents, changed: new Set<string>(), stale: false };
    for (const report of this.#open.get(collection) ?? []) report({ type: "snapshot", topic, snapshot });
  }

  /** What the screen has: per topic, where its documents came from. */
  get screen(): Record<string, unknown> {
    const topics: Record<string, unknown> = {};
    for (const event of this.shown) {
      if (event.type !== "snapshot") continue;
      topics[event.topic] = event.snapshot.documents.map(({ id, data }) => `${(data as { from: string }).from}/${id}`);
    }
    return topics;
  }
}

function deskWithBoth(): Desk {
  const desk = new Desk();
  desk.listen("months", "months");
  desk.listen(ROWS, "transactions");
  return desk;
}

function deskAtShape1(): Desk {
  const desk = deskWithBoth();
  desk.follower.follow(1);
  desk.bring("months", "months", "m");
  desk.bring("transactions", ROWS, "a", "b");
  return desk;
}

test("nothing is shown until the head has said which shape is read: an old shape's emptiness is no answer", () => {
  const desk = deskWithBoth();
  desk.bring("months", "months");
  desk.bring("transactions", ROWS);
  expect(desk.shown).toEqual([]);
  desk.follower.follow(2);
  desk.bring("months_v2", "months", "m");
  desk.bring("transactions_v2", ROWS, "a");
  expect(desk.screen).toEqual({ months: ["months_v2/m"], [ROWS]: ["transactions_v2/a"] });
});

test("what came before the head is shown with it", () => {
  const desk = deskWithBoth();
  desk.bring("months", "months", "m");
  desk.follower.follow(1);
  expect(desk.screen).toEqual({ months: ["months/m"] });
});

test("somebody without a head yet sees the usual shape", () => {
  const desk = deskWithBoth();
  desk.bring("months", "months");
  desk.follower.follow(null);
  expect(desk.screen).toEqual({ months: [] });
});

test("a flip changes the screen when every listener of the new shape has answered, in one step", () => {
  const desk = deskAtShape1();
  const before = desk.shown.length;
  desk.follower.follow(2);
  desk.bring("months_v2", "months", "m");
  expect(desk.shown).toHaveLength(before);
  desk.bring("transactions", ROWS, "a", "b", "c"); // the old shape goes on being shown meanwhile
  expect(desk.screen[ROWS]).toEqual(["transactions/a", "transactions/b", "transactions/c"]);
  desk.bring("transactions_v2", ROWS, "a", "b", "c");
  expect(desk.screen).toEqual({
    months: ["months_v2/m"],
    [ROWS]: ["a", "b", "c"].map((id) => `transactions_v2/${id}`),
  });
  expect(desk.listening).toEqual(["months_v2", "transactions_v2"]);
});

test("what a flip brings counts as changed, so that no document of the old shape stays", () => {
  const desk = deskAtShape1();
  desk.follower.follow(2);
  desk.bring("months_v2", "months", "m");
  desk.bring("transactions_v2", ROWS, "a");
  const last = desk.shown.at(-1);
  expect(last?.type === "snapshot" && [...last.snapshot.changed]).toEqual([`users/u/${ROWS}/a`]);
});

test("a head that goes back before the flip was shown leaves everything as it is", () => {
  const desk = deskAtShape1();
  const before = desk.shown.length;
  desk.follower.follow(2);
  desk.follower.follow(1);
  desk.bring("months_v2", "months", "m");
  desk.bring("transactions_v2", ROWS, "a");
  expect(desk.shown).toHaveLength(before);
  expect(desk.listening).toEqual(["months", "transactions"]);
});

test("a flip back is a flip", () => {
  const desk = deskAtShape1();
  desk.follower.follow(2);
  desk.bring("months_v2", "months", "m");
  desk.bring("transactions_v2", ROWS, "a");
  desk.follower.follow(1);
  desk.bring("months", "months", "m");
  desk.bring("transactions", ROWS, "a");
  expect(desk.screen).toEqual({ months: ["months/m"], [ROWS]: ["transactions/a"] });
});

test("a month opened during a flip is part of it, one closed is not waited for", () => {
  const desk = deskAtShape1();
  desk.follower.follow(2);
  desk.listen("transactions/2026-10", "transactions", "?october");
  desk.bring("months_v2", "months", "m");
  desk.bring("transactions_v2", ROWS, "a");
  expect(desk.screen["months"]).toEqual(["months/m"]);
  desk.follower.close("transactions/2026-10");
  expect(desk.screen["months"]).toEqual(["months_v2/m"]);
});

test("a wider query of a topic takes the narrow one's place when it has answered", () => {
  const desk = deskAtShape1();
  desk.listen(ROWS, "transactions", "?wide");
  expect(desk.listening).toEqual(["months", "transactions", "transactions?wide"]);
  desk.bring("transactions?wide", ROWS, "a", "b", "c");
  expect(desk.listening).toEqual(["months", "transactions?wide"]);
});

test("a shape that this page does not know changes nothing", () => {
  const desk = deskAtShape1();
  const before = desk.shown.length;
  desk.follower.follow(3);
  desk.bring("months", "months", "m", "n");
  expect(desk.shown).toHaveLength(before + 1);
});

test("the head's number is read, whatever else it holds", () => {
  expect(shapeNamedBy({ schemaVersion: 2 })).toBe(2);
  expect(shapeNamedBy({})).toBeNull();
  expect(shapeNamedBy(undefined)).toBeNull();
});

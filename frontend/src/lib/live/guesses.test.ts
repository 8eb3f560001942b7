import { describe, expect, test } from "vitest";

import { afterEvent, changeAt, type Guess, type GuessEvent } from "@/lib/live/guesses";
import { reached, type Version } from "@/lib/live/versions";

const ROW = "users/u/transactions/a";
const MONTH = "users/u/months/2026-11";
const at = (number: number, epoch = 1): Version => ({ epoch, number });
const mark = (path: string, number: number) => ({ path, version: at(number) });

/** Plays events against a screen that shows the given versions. */
function play(
  events: readonly GuessEvent[],
  screen: Record<string, Version | null> = { [ROW]: at(1), [MONTH]: at(1) },
) {
  const shown = new Map(Object.entries(screen));
  return events.reduce<readonly Guess[]>((guesses, event) => {
    if (event.type === "arrived") shown.set(event.path, event.version);
    if (event.type === "left") shown.set(event.path, null);
    return afterEvent(guesses, event, (path) => shown.get(path));
  }, []);
}

const guessed = (id: string, categoryId: string): GuessEvent => ({
  type: "guessed",
  id,
  path: ROW,
  change: { categoryId },
});
const answered = (id: string, ...marked: ReturnType<typeof mark>[]): GuessEvent => ({ type: "answered", id, marked });
const arrived = (number: number, path = ROW): GuessEvent => ({ type: "arrived", path, version: at(number) });

describe("a guess", () => {
  test("shows at once", () => {
    expect(changeAt(play([guessed("1", "TRAVEL")]), ROW)).toEqual({ categoryId: "TRAVEL" });
  });

  test("stays while older versions of its document arrive", () => {
    expect(play([guessed("1", "TRAVEL"), answered("1", mark(ROW, 5)), arrived(4)])).toHaveLength(1);
  });

  test("goes with the version that was marked, and with any later one", () => {
    expect(play([guessed("1", "TRAVEL"), answered("1", mark(ROW, 5)), arrived(5)])).toEqual([]);
    expect(play([guessed("1", "TRAVEL"), answered("1", mark(ROW, 5)), arrived(9)])).toEqual([]);
  });

  test("goes with the answer when the document was quicker", () => {
    expect(play([guessed("1", "TRAVEL"), arrived(5), answered("1", mark(ROW, 5))])).toEqual([]);
  });

  test("is not taken down by a version that arrived before anybody knew which one to await", () => {
    expect(play([guessed("1", "TRAVEL"), arrived(4)])).toHaveLength(1);
  });

  test("goes at once when nothing was marked", () => {
    expect(play([guessed("1", "TRAVEL"), answered("1")])).toEqual([]);
  });

  test("goes at once when only documents off the screen were marked", () => {
    expect(play([guessed("1", "TRAVEL"), answered("1", mark(ROW, 5))], {})).toEqual([]);
  });

  test("goes when its document is deleted or leaves the window", () => {
    expect(play([guessed("1", "TRAVEL"), { type: "left", path: ROW }])).toEqual([]);
    expect(play([guessed("1", "TRAVEL"), answered("1", mark(ROW, 5)), { type: "left", path: ROW }])).toEqual([]);
  });

  test("goes when the edit is refused, and only that one", () => {
    const left = play([guessed("1", "TRAVEL"), guessed("2", "MEDICAL"), { type: "refused", id: "1" }]);
    expect(changeAt(left, ROW)).toEqual({ categoryId: "MEDICAL" });
  });

  test("outlives the arrival of an earlier edit of the same row", () => {
    const left = play([guessed("1", "TRAVEL"), guessed("2", "MEDICAL"), answered("1", mark(ROW, 5)), arrived(5)]);
    expect(changeAt(left, ROW)).toEqual({ categoryId: "MEDICAL" });
  });

  test("lies over the other fields of an earlier guess without hiding them", () => {
    const note: GuessEvent = { type: "guessed", id: "2", path: ROW, change: { note: null } };
    expect(changeAt(play([guessed("1", "TRAVEL"), note]), ROW)).toEqual({ categoryId: "TRAVEL", note: null });
  });

  test("of an older epoch is answered by a newer one, whatever the number", () => {
    const newEpoch: GuessEvent = { type: "arrived", path: ROW, version: at(1, 2) };
    expect(play([guessed("1", "TRAVEL"), answered("1", mark(ROW, 500)), newEpoch])).toEqual([]);
  });
});

describe("something new", () => {
  const added: GuessEvent = { type: "guessed", id: "1", path: null, change: {} };

  test("waits for whichever marked document the screen will get", () => {
    const waiting = play([added, answered("1", mark("users/u/transactions/new", 5), mark(MONTH, 5))]);
    expect(waiting.map(({ path, awaits }) => [path, awaits])).toEqual([[MONTH, at(5)]]);
    expect(play([added, answered("1", mark(MONTH, 5)), arrived(5, MONTH)])).toEqual([]);
  });

  test("waits for the first document of an empty month", () => {
    expect(play([added, answered("1", mark(MONTH, 5))], { [MONTH]: null })).toHaveLength(1);
  });
});

const ANSWER_1 = answered("1", mark(ROW, 2));
const ANSWER_2 = answered("2", mark(ROW, 3));
const A_ARRIVES = arrived(2);
const B_ARRIVES = arrived(3);

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item) => permutations(items.filter((one) => one !== item)).map((rest) => [item, ...rest]));
}

/** Edits of one row are sent one after the other, so the second is applied only after the first was answered. */
function possible(order: readonly GuessEvent[]): boolean {
  const before = (a: GuessEvent, b: GuessEvent) => order.indexOf(a) < order.indexOf(b);
  return before(ANSWER_1, ANSWER_2) && before(ANSWER_1, B_ARRIVES) && before(A_ARRIVES, B_ARRIVES);
}

test("in every order of answers and arrivals the row shows the last edit throughout, and no guess is left over", () => {
  // The mirror may pass over the first edit: then only the second arrives.
  const all = [
    ...permutations([ANSWER_1, ANSWER_2, A_ARRIVES, B_ARRIVES]),
    ...permutations([ANSWER_1, ANSWER_2, B_ARRIVES]),
  ];
  const orders = all.filter(possible);
  for (const order of orders) {
    const events = [guessed("1", "A"), guessed("2", "B"), ...order];
    let document = "OLD";
    for (let count = 2; count <= events.length; count += 1) {
      if (events[count - 1] === A_ARRIVES) document = "A";
      if (events[count - 1] === B_ARRIVES) document = "B";
      expect(changeAt(play(events.slice(0, count)), ROW).categoryId ?? document).toBe("B");
    }
    expect(play(events)).toEqual([]);
  }
  expect(orders).toHaveLength(7);
});

test("versions compare by epoch first", () => {
  expect(reached(at(9, 1), at(1, 2))).toBe(false);
  expect(reached(at(1, 2), at(9, 1))).toBe(true);
  expect(reached(null, at(1))).toBe(false);
});

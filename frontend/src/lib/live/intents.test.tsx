import { beforeEach, expect, test, vi } from "vitest";

import { forgetAll, keptNames } from "@/lib/kept";
import type { GuessEvent } from "@/lib/live/guesses";
import { IntentQueue, type Post, type Receipt, receiptInWords } from "@/lib/live/intents";
import { forgetOnSignOut, waitingFor } from "@/lib/waiting";

const ROW = "users/u/transactions/a";
const wish = (id: string, note: string) => ({
  id,
  kind: "set-note",
  body: { entryId: "a", note },
  path: ROW,
  change: { note },
  trouble: "Your change was not saved",
});

/** A Firestore that takes what it is given, or nothing at all, and answers when told. */
class Desk implements Post {
  created: { id: string; fields: Record<string, unknown> }[] = [];
  events: GuessEvent[] = [];
  told: [string, Receipt][] = [];
  online = true;
  denies = false;
  readonly #watchers = new Map<string, (receipt: unknown) => void>();

  create(id: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    if (!this.online) return new Promise(() => undefined);
    if (this.denies || this.created.some((one) => one.id === id)) return Promise.reject(new Error("denied"));
    this.created.push({ id, fields });
    return Promise.resolve();
  }

  arrived = (id: string) => Promise.resolve(this.created.some((one) => one.id === id));

  watch(id: string, onReceipt: (receipt: unknown) => void): () => void {
    this.#watchers.set(id, onReceipt);
    return () => this.#watchers.delete(id);
  }

  answer(id: string, receipt: unknown): void {
    this.#watchers.get(id)?.(receipt);
  }

  queue(owner = "u"): IntentQueue {
    return new IntentQueue(
      this,
      (event) => this.events.push(event),
      (trouble, receipt) => this.told.push([trouble, receipt]),
      () => ({ epoch: 1, number: 7 }),
      owner,
    );
  }
}

beforeEach(() => forgetAll());

test("an edit is numbered, sent with what was seen, and shown until its receipt is here", async () => {
  const desk = new Desk();
  const queue = desk.queue();
  await queue.leave(wish("1", "one"));
  await queue.leave(wish("2", "two"));
  await vi.waitFor(() => expect(desk.created).toHaveLength(2));
  expect(desk.created.map(({ id, fields }) => [id, fields["sequence"]])).toEqual([
    ["1", 1],
    ["2", 2],
  ]);
  expect(desk.created[0]?.fields).toMatchObject({ v: 1, kind: "set-note", base: { epoch: 1, number: 7 } });
  expect(queue.holds(ROW)).toBe(true);

  const marked = [{ path: ROW, version: { epoch: 1, number: 9 } }];
  desk.answer("1", { outcome: "applied", marked });
  desk.answer("2", { outcome: "applied", marked });
  await vi.waitFor(() => expect(queue.holds(ROW)).toBe(false));
  expect(desk.events.map((event) => event.type)).toEqual(["guessed", "guessed", "answered", "answered"]);
  queue.close();
});

test("what was kept is shown and sent again after a reload, under the same id, and numbering goes on", async () => {
  const before = new Desk();
  before.online = false;
  const first = before.queue();
  await first.leave(wish("1", "one"));
  first.close();

  const after = new Desk();
  const queue = after.queue();
  await vi.waitFor(() => expect(after.created.map(({ id }) => id)).toEqual(["1"]));
  expect(after.events).toEqual([{ type: "guessed", id: "1", path: ROW, change: { note: "one" } }]);
  await queue.leave(wish("2", "two"));
  await vi.waitFor(() => expect(after.created.at(-1)?.fields["sequence"]).toBe(2));
  expect(after.created[0]?.fields["device"]).toBe(after.created[1]?.fields["device"]);
  queue.close();
});

test("an edit that was not applied gives its guess up and says why", async () => {
  const desk = new Desk();
  const queue = desk.queue();
  await queue.leave(wish("1", "one"));
  desk.answer("1", { outcome: "superseded", reason: "superseded", detail: "x", marked: [] });
  await vi.waitFor(() => expect(queue.holds(ROW)).toBe(false));
  expect(desk.events.at(-1)).toEqual({ type: "refused", id: "1" });
  expect(desk.told.map(([trouble, receipt]) => [trouble, receiptInWords(receipt)])).toEqual([
    ["Your change was not saved", "It was changed elsewhere in the meantime. The newer value stays."],
  ]);
  queue.close();
});

test("what the rules deny for good is given up with words, what is there already waits for its receipt", async () => {
  vi.useFakeTimers();
  const desk = new Desk();
  const queue = desk.queue();
  await queue.leave(wish("1", "one"));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(desk.told).toEqual([]);

  desk.denies = true;
  await queue.leave(wish("2", "two"));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(desk.told.map(([, receipt]) => receipt.reason)).toEqual(["not-admitted"]);
  vi.useRealTimers();
  queue.close();
});

test("what waits on this device is counted until Firestore has it", async () => {
  const desk = new Desk();
  desk.online = false;
  const queue = desk.queue();
  await queue.leave(wish("1", "one"));
  expect([queue.unsent(), queue.keeps("1"), queue.keeps("2")]).toEqual([1, true, false]);
  queue.close();

  desk.online = true;
  const again = desk.queue();
  await vi.waitFor(() => expect(again.unsent()).toBe(0));
  expect(again.holds(ROW)).toBe(true);
  again.close();
});

test("what waits is its own person's: kept when they are signed out by somebody else, sent when they are back", async () => {
  const desk = new Desk();
  desk.online = false;
  const ada = desk.queue("ada");
  await ada.leave(wish("1", "one"));
  ada.close(true);
  await ada.leave(wish("2", "two"));
  forgetOnSignOut(null);

  desk.online = true;
  const bob = desk.queue("bob");
  expect([bob.unsent(), bob.holds(ROW)]).toEqual([0, false]);
  await bob.leave(wish("3", "three"));
  await vi.waitFor(() => expect(desk.created.map(({ id }) => id)).toEqual(["3"]));
  bob.close(false);
  forgetOnSignOut("bob");

  const again = desk.queue("ada");
  await vi.waitFor(() => expect(desk.created.map(({ id }) => id)).toEqual(["3", "1", "2"]));
  again.close();
});

test("who asks to leave takes along what waits, and an edit that ends later; the other's stays", async () => {
  const desk = new Desk();
  desk.online = false;
  const bob = desk.queue("bob");
  await bob.leave(wish("1", "one"));
  bob.close();
  const ada = desk.queue("ada");
  await ada.leave(wish("2", "two"));
  ada.close(false);
  forgetOnSignOut("ada");
  await ada.leave(wish("3", "three"));
  expect(keptNames()).toEqual([waitingFor("bob")]);
});

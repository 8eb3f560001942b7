/**
 * Which collections hold a person's documents: the head says it by number (`schemaVersion`), docs/shapes.md why.
 *
 * The follower keeps the listeners of one shape open. When the head names another, it opens that one's beside, holds
 * back what they bring until each has answered, shows all of it in one step and lets the old ones go: the screen goes
 * from one whole picture to the next. Documents keep their plain paths whatever collection they come from, so guesses
 * and the versions that the API answers fit both.
 */
import type { LiveEvent } from "@/lib/live/store";
import { type TopicKey, WHOLE_COLLECTIONS, type WholeCollection } from "@/lib/live/topics";

export type Kind = WholeCollection | "transactions";

/** The collection of each kind. */
export type Shape = Readonly<Record<Kind, string>>;

const KINDS: readonly Kind[] = [...WHOLE_COLLECTIONS, "transactions"];
const PLAIN = Object.fromEntries(KINDS.map((kind) => [kind, kind])) as Shape;

/** The shapes that this page can read. A new one is added here, and becomes the usual one with the next release. */
export const SHAPES: ReadonlyMap<number, Shape> = new Map([[1, PLAIN]]);

/** What is listened to until the head has answered; nothing of it is shown before. */
export const USUAL_SHAPE = 1;

/** The shape that a head names; null where there is no head. */
export function shapeNamedBy(head: unknown): number | null {
  const named = (head as { schemaVersion?: unknown } | null | undefined)?.schemaVersion;
  return typeof named === "number" ? named : null;
}

/** Begins to listen in a shape; what comes is reported. The returned function ends it. */
export type Open = (shape: Shape, report: (event: LiveEvent) => void) => () => void;

export class ShapeFollower {
  readonly #shapes: ReadonlyMap<number, Shape>;
  readonly #emit: (event: LiveEvent) => void;
  readonly #topics = new Map<TopicKey, Open>();
  #current: Listeners;
  #next: Listeners | null = null;

  constructor(emit: (event: LiveEvent) => void, shapes = SHAPES, usual = USUAL_SHAPE) {
    this.#shapes = shapes;
    this.#emit = emit;
    this.#current = this.#begin(usual, true);
  }

  /** Listens to a topic in whichever shape is followed; again with another query, the old one goes when it answers. */
  open(topic: TopicKey, open: Open): void {
    this.#topics.set(topic, open);
    this.#current.open(topic, open);
    this.#next?.open(topic, open);
  }

  close(topic: TopicKey): void {
    this.#topics.delete(topic);
    this.#current.close(topic);
    this.#next?.close(topic);
  }

  /** What the head says; null: there is none yet. A number that this page does not know changes nothing. */
  follow(named: number | null): void {
    const number = named ?? this.#current.number;
    if (number === this.#current.number) {
      this.#drop();
      this.#current.show();
    } else if (number !== this.#next?.number && this.#shapes.has(number)) {
      this.#drop();
      this.#next = this.#begin(number, false);
      for (const [topic, open] of this.#topics) this.#next.open(topic, open);
    }
  }

  stop(): void {
    this.#drop();
    this.#current.stop();
  }

  #begin(number: number, loud: boolean): Listeners {
    const shape = this.#shapes.get(number) ?? PLAIN;
    const whole = (listeners: Listeners) => this.#arrived(listeners);
    return new Listeners(number, shape, loud, this.#emit, whole);
  }

  #arrived(listeners: Listeners): void {
    if (listeners !== this.#next) return;
    this.#current.stop();
    this.#current = listeners;
    this.#next = null;
    listeners.show();
  }

  #drop(): void {
    this.#next?.stop();
    this.#next = null;
  }
}

type SnapshotEvent = Extract<LiveEvent, { type: "snapshot" }>;

/** The listeners of one shape, held back or shown. Only loud ones tell of trouble before they are shown. */
class Listeners {
  readonly #closers = new Map<TopicKey, () => void>();
  readonly #answered = new Map<TopicKey, SnapshotEvent | null>();
  #shown = false;

  constructor(
    readonly number: number,
    readonly shape: Shape,
    readonly loud: boolean,
    readonly emit: (event: LiveEvent) => void,
    readonly onWhole: (listeners: Listeners) => void,
  ) {}

  open(topic: TopicKey, open: Open): void {
    const closeOld = this.#closers.get(topic);
    let replaced = closeOld === undefined;
    const close = open(this.shape, (event) => {
      if (!replaced && event.type === "snapshot") {
        replaced = true;
        closeOld?.();
      }
      this.#report(topic, event);
    });
    this.#closers.set(topic, () => {
      if (!replaced) closeOld?.();
      close();
    });
  }

  close(topic: TopicKey): void {
    this.#closers.get(topic)?.();
    this.#closers.delete(topic);
    this.#answered.delete(topic);
    this.#tellIfWhole();
  }

  /** Shows what was held back, all of it as changed, and from now on whatever comes. */
  show(): void {
    if (this.#shown) return;
    this.#shown = true;
    for (const [topic, event] of this.#answered) {
      if (event !== null) this.emit(allChanged(event));
      this.#answered.set(topic, null);
    }
  }

  stop(): void {
    for (const close of this.#closers.values()) close();
    this.#closers.clear();
  }

  #report(topic: TopicKey, event: LiveEvent): void {
    if (this.#shown || (this.loud && event.type !== "snapshot")) {
      this.emit(event);
    } else if (event.type === "snapshot") {
      this.#answered.set(topic, event);
      this.#tellIfWhole();
    }
  }

  #tellIfWhole(): void {
    if (!this.#shown && [...this.#closers.keys()].every((topic) => this.#answered.has(topic))) this.onWhole(this);
  }
}

function allChanged(event: SnapshotEvent): SnapshotEvent {
  const changed = new Set(event.snapshot.documents.map(({ path }) => path));
  return { ...event, snapshot: { ...event.snapshot, changed } };
}

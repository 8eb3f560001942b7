/**
 * Optimistic edits. A guess is what the screen shows before the mirror has said so.
 *
 * The life of one: made when the person acts; while it is sent its change lies over the document; once the API
 * has answered it waits for its document to reach the version that the edit marked. It goes when that version or
 * a later one is on the screen, when nothing was marked, when its document left the screen, or when the edit was
 * refused. The document may be quicker than the answer: versions, not order of arrival, decide. Edits of one
 * document have to be sent one after the other (edits.ts does), or an older guess could outlive a newer one.
 */
import type { Split } from "@/lib/documents";
import { type Mark, reached, type Version } from "@/lib/live/versions";

/** What an edit does to the transaction it lies over. */
export interface Change {
  readonly categoryId?: string;
  readonly note?: string | null;
  readonly splits?: readonly Split[];
  readonly removed?: boolean;
}

export interface Guess {
  readonly id: string;
  /** Null while nobody knows yet which document will answer, as for a new expense. */
  readonly path: string | null;
  readonly change: Change;
  /** Null while the edit is being sent. */
  readonly awaits: Version | null;
}

export type GuessEvent =
  | { readonly type: "guessed"; readonly id: string; readonly path: string | null; readonly change: Change }
  | { readonly type: "answered"; readonly id: string; readonly marked: readonly Mark[] }
  | { readonly type: "refused"; readonly id: string }
  | { readonly type: "arrived"; readonly path: string; readonly version: Version }
  | { readonly type: "left"; readonly path: string };

/** The version on the screen of the document at a path; undefined when no listener would ever bring it. */
export type OnScreen = (path: string) => Version | null | undefined;

const EMPTY: Change = {};

export function afterEvent(guesses: readonly Guess[], event: GuessEvent, onScreen: OnScreen): readonly Guess[] {
  switch (event.type) {
    case "guessed":
      return [...guesses, { id: event.id, path: event.path, change: event.change, awaits: null }];
    case "answered":
      return afterAnswer(guesses, event.id, event.marked, onScreen);
    case "refused":
      return without(guesses, (guess) => guess.id === event.id);
    case "arrived":
      return without(
        guesses,
        (guess) => guess.path === event.path && guess.awaits !== null && reached(event.version, guess.awaits),
      );
    case "left":
      return without(guesses, (guess) => guess.path === event.path);
  }
}

/** The changes that lie over a document, newest edit last and winning. */
export function changeAt(guesses: readonly Guess[], path: string): Change {
  return guesses.reduce<Change>(
    (change, guess) => (guess.path === path ? { ...change, ...guess.change } : change),
    EMPTY,
  );
}

function afterAnswer(
  guesses: readonly Guess[],
  id: string,
  marked: readonly Mark[],
  onScreen: OnScreen,
): readonly Guess[] {
  const guess = guesses.find((one) => one.id === id);
  if (guess === undefined) return guesses;
  const mark = awaitedMark(guess, marked, onScreen);
  if (mark === undefined || reached(onScreen(mark.path) ?? null, mark.version))
    return without(guesses, (one) => one === guess);
  return guesses.map((one) => (one === guess ? { ...one, path: mark.path, awaits: mark.version } : one));
}

/** The mark to wait for: the guess's own document, else (something new) any document that a listener will bring. */
function awaitedMark(guess: Guess, marked: readonly Mark[], onScreen: OnScreen): Mark | undefined {
  const visible = marked.filter((mark) => onScreen(mark.path) !== undefined);
  return guess.path === null ? visible[0] : visible.find((mark) => mark.path === guess.path);
}

function without(guesses: readonly Guess[], gone: (guess: Guess) => boolean): readonly Guess[] {
  return guesses.some(gone) ? guesses.filter((guess) => !gone(guess)) : guesses;
}

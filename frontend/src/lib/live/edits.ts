/** An edit from the click to the document: guess, send, wait for the version that was marked. */
import { useMutation, type UseMutationResult } from "@tanstack/react-query";

import { unreachable } from "@/lib/api/errors";
import type { Change } from "@/lib/live/guesses";
import type { Wish } from "@/lib/live/intents";
import type { Mark } from "@/lib/live/versions";
import { useServices } from "@/lib/services";
import { toast, toastTrouble } from "@/lib/toasts";

export interface Edit<V, A> {
  readonly send: (variables: V) => Promise<A>;
  /** What to show meanwhile; without it the edit only counts as being on its way. */
  readonly guess?: (variables: V) => { path: string | null; change: Change };
  /** Runs before the guess goes, so that what it shows can be put in the guess's place. */
  readonly onAnswer?: (answer: A, variables: V) => void;
  /** Edits of one scope are sent one after the other: answers and versions then come in the order of the clicks. */
  readonly scope?: string;
  /** The same edit as an intent, for when nobody answers; it is sent by Firestore when the connection is back. */
  readonly intent?: (variables: V) => Pick<Wish, "id" | "kind" | "body">;
  /** Runs when the edit was kept as an intent. */
  readonly onKept?: (variables: V) => void;
  /** "The category was not changed" */
  readonly trouble: string;
}

/** An earlier edit of the same document still waits: this one goes the same way, behind it. */
class Behind extends Error {}

export function useEdit<V, A extends { marked: readonly Mark[] }>(
  edit: Edit<V, A>,
): UseMutationResult<A, Error, V, string> {
  const { live } = useServices();
  return useMutation({
    mutationFn: (variables) => {
      const path = edit.guess?.(variables).path ?? null;
      if (edit.intent !== undefined && live.intents.holds(path)) throw new Behind();
      return edit.send(variables);
    },
    networkMode: "always",
    ...(edit.scope === undefined ? {} : { scope: { id: edit.scope } }),
    onMutate: (variables) => {
      const id = crypto.randomUUID();
      const guess = edit.guess?.(variables) ?? { path: null, change: {} };
      live.report({ type: "guessed", id, ...guess });
      return id;
    },
    onSuccess: (answer, variables, id) => {
      edit.onAnswer?.(answer, variables);
      live.report({ type: "answered", id, marked: answer.marked });
    },
    onError: (error, variables, id) => {
      const wish = edit.intent?.(variables);
      if (wish !== undefined && (error instanceof Behind || unreachable(error))) {
        const { path, change } = edit.guess?.(variables) ?? { path: null, change: {} };
        void live.intents.leave({ ...wish, path, change, trouble: edit.trouble });
        if (id !== undefined) live.report({ type: "refused", id });
        toast("Kept on this device. It is sent when the connection is back.");
        edit.onKept?.(variables);
        return;
      }
      if (id !== undefined) live.report({ type: "refused", id });
      toastTrouble(edit.trouble, error);
    },
  });
}

/** An edit from the click to the document: guess, send, wait for the version that was marked. */
import { useMutation, type UseMutationResult } from "@tanstack/react-query";

import type { Change } from "@/lib/live/guesses";
import type { Mark } from "@/lib/live/versions";
import { useServices } from "@/lib/services";
import { toastTrouble } from "@/lib/toasts";

export interface Edit<V, A> {
  readonly send: (variables: V) => Promise<A>;
  /** What to show meanwhile; without it the edit only counts as being on its way. */
  readonly guess?: (variables: V) => { path: string; change: Change };
  /** Runs before the guess goes, so that what it shows can be put in the guess's place. */
  readonly onAnswer?: (answer: A, variables: V) => void;
  /** Edits of one scope are sent one after the other: answers and versions then come in the order of the clicks. */
  readonly scope?: string;
  /** "The category was not changed" */
  readonly trouble: string;
}

export function useEdit<V, A extends { marked: readonly Mark[] }>(
  edit: Edit<V, A>,
): UseMutationResult<A, Error, V, string> {
  const { live } = useServices();
  return useMutation({
    mutationFn: edit.send,
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
    onError: (error, _variables, id) => {
      if (id !== undefined) live.report({ type: "refused", id });
      toastTrouble(edit.trouble, error);
    },
  });
}

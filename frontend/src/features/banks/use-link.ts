import { useMutation } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import type { PlaidLinkError } from "react-plaid-link";

import { addItem } from "@/features/banks/api/add-item";
import { createLinkToken } from "@/features/banks/api/create-link-token";
import { finishRepair } from "@/features/banks/api/finish-repair";
import { forget, interrupted, keep, type LinkAttempt } from "@/features/banks/link-attempt";
import { ApiError } from "@/lib/api/errors";
import { useEdit } from "@/lib/live/edits";
import { useServices } from "@/lib/services";
import { toast, toastTrouble } from "@/lib/toasts";

export interface Link {
  /** Set while Link should be open. */
  readonly attempt: LinkAttempt | null;
  readonly busy: boolean;
  /** Starts Link for a new bank, or to sign in again to the bank of an item. */
  readonly start: (itemId: string | null) => void;
  readonly succeeded: (publicToken: string | null) => void;
  readonly exited: (error: PlaidLinkError | null) => void;
  readonly failed: () => void;
}

/** The whole way of linking a bank, or of repairing one: token, Link, and telling the API. */
export function useLink(): Link {
  const { api } = useServices();
  const [attempt, setAttempt] = useState(interrupted);
  const end = useCallback(() => {
    forget();
    setAttempt(null);
  }, []);

  const begin = useMutation({
    mutationFn: async (itemId: string | null) => ({ token: await createLinkToken(api, itemId), itemId }),
    onSuccess: (next) => {
      keep(next);
      setAttempt(next);
    },
    onError: (error) => toastTrouble("The bank could not be opened", error),
  });
  const add = useEdit({
    send: (wish: { publicToken: string; key: string }) => addItem(api, wish.publicToken, wish.key),
    onAnswer: () => toast("Your bank is linked. Its transactions are on their way."),
    trouble: "The bank was not linked",
  });
  const repair = useEdit({
    send: (itemId: string) => finishRepair(api, itemId),
    onAnswer: () => toast("Your bank is connected again."),
    trouble: "The bank is not connected again yet",
  });

  const busy = begin.isPending || add.isPending || attempt !== null;
  const rememberFocus = useFocusAfter(busy);

  return {
    attempt,
    busy,
    start: (itemId) => {
      rememberFocus();
      begin.mutate(itemId);
    },
    succeeded: (publicToken) => {
      const itemId = attempt?.itemId ?? null;
      end();
      if (itemId !== null) repair.mutate(itemId);
      else if (publicToken !== null) add.mutate({ publicToken, key: crypto.randomUUID() });
    },
    exited: (error) => {
      end();
      if (error !== null) toastTrouble("The bank was not linked", refusalOf(error));
    },
    failed: useCallback(() => {
      end();
      toastTrouble("The bank could not be opened", new ApiError(0, "link-unreachable", "Link did not load", ""));
    }, [end]),
  };
}

/** A busy button lets go of the focus: it gets it back, unless the focus is elsewhere by then. */
function useFocusAfter(busy: boolean): () => void {
  const comingFrom = useRef<Element | null>(null);
  useEffect(() => {
    if (busy || document.activeElement !== document.body) return;
    if (comingFrom.current instanceof HTMLElement) comingFrom.current.focus();
    comingFrom.current = null;
  }, [busy]);
  return () => {
    comingFrom.current = document.activeElement;
  };
}

/** Link's own words for a person, where it has some. */
function refusalOf(error: PlaidLinkError): ApiError {
  const words =
    [error.display_message, error.error_message, "The bank's sign-in was not finished."].find(Boolean) ?? "";
  return new ApiError(400, error.error_code, words, words);
}

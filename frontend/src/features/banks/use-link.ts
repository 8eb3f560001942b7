import { useMutation } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import type { PlaidLinkError, PlaidLinkOnSuccessMetadata } from "react-plaid-link";

import { addItem, type NewItem } from "@/features/banks/api/add-item";
import { createLinkToken, type LinkWish } from "@/features/banks/api/create-link-token";
import { finishRepair } from "@/features/banks/api/finish-repair";
import type { HostedUse } from "@/features/banks/components/HostedLink";
import { forget, interrupted, keep, type LinkAttempt } from "@/features/banks/link-attempt";
import { ApiError } from "@/lib/api/errors";
import { useEdit } from "@/lib/live/edits";
import { useServices } from "@/lib/services";
import { toast, toastTrouble } from "@/lib/toasts";

export interface Link {
  /** Set while Link should be open on this page. */
  readonly attempt: LinkAttempt | null;
  /** Set while Link is, or may be, open at an address of Plaid's. */
  readonly hosted: HostedUse | null;
  /** The bank that is linked already, when it was to be linked again. */
  readonly existing: string | null;
  readonly busy: boolean;
  /** Starts Link for a new bank, or for a bank that is there: to sign in again, or to choose its accounts anew. */
  readonly start: (itemId: string | null, accountSelection?: boolean) => void;
  readonly succeeded: (publicToken: string | null, told: PlaidLinkOnSuccessMetadata | null) => void;
  readonly exited: (error: PlaidLinkError | null) => void;
  /** Link cannot be loaded here: it is offered at an address of Plaid's. */
  readonly failed: () => void;
  /** Link at Plaid's address is over, or waited for no longer; with the bank that was there already. */
  readonly left: (existing?: string | null) => void;
}

/** The whole way of linking a bank, or of repairing one: token, Link, and telling the API. */
export function useLink(): Link {
  const { api, user } = useServices();
  const [attempt, setAttempt] = useState(() => interrupted(user.uid));
  const [hosted, setHosted] = useState<HostedUse | null>(null);
  const [existing, setExisting] = useState<string | null>(null);
  const wish = useRef<LinkWish>({ itemId: attempt?.itemId ?? null });
  const end = useCallback(() => {
    forget();
    setAttempt(null);
  }, []);

  const { mutate: open, isPending: opening } = useMutation({
    mutationFn: (wished: LinkWish) => createLinkToken(api, wished),
    onSuccess: ({ linkToken: token, expiration, sessionId, hostedLinkUrl: url }, { itemId }) => {
      if (url !== null) {
        setHosted({ sessionId, url, itemId });
        return;
      }
      const next = { token, expires: Date.parse(expiration), itemId };
      keep(next, user.uid);
      setAttempt(next);
    },
    onError: (error) => toastTrouble("The bank could not be opened", error),
  });
  const add = useEdit({
    send: (wished: NewItem & { key: string }) => addItem(api, wished, wished.key),
    onAnswer: (added) => {
      if (added.existing === null) toast("Your bank is linked. Its transactions are on their way.");
      else setExisting(added.existing);
    },
    trouble: "The bank was not linked",
  });
  const repair = useEdit({
    send: (itemId: string) => finishRepair(api, itemId),
    onAnswer: () => toast("Your bank is connected again."),
    trouble: "The bank is not connected again yet",
  });

  const busy = opening || add.isPending || repair.isPending || attempt !== null;
  const rememberFocus = useFocusAfter(busy);

  return {
    attempt,
    hosted,
    existing,
    busy,
    start: (itemId, accountSelection = false) => {
      rememberFocus();
      setHosted(null);
      setExisting(null);
      wish.current = { itemId, accountSelection };
      open(wish.current);
    },
    succeeded: (publicToken, told) => {
      if (attempt === null) return;
      end();
      if (attempt.itemId !== null) repair.mutate(attempt.itemId);
      else if (publicToken !== null)
        add.mutate({ publicToken, linkToken: attempt.token, told, key: crypto.randomUUID() });
    },
    exited: (error) => {
      end();
      if (error !== null) toastTrouble("The bank was not linked", refusalOf(error));
    },
    failed: useCallback(() => {
      end();
      open({ ...wish.current, hosted: true });
    }, [end, open]),
    left: useCallback((found: string | null = null) => {
      setHosted(null);
      setExisting(found);
    }, []),
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

import { useEffect, useRef } from "react";
import { type PlaidLinkError, type PlaidLinkOnSuccessMetadata, usePlaidLink } from "react-plaid-link";

import { cameBackFromBank } from "@/features/banks/link-attempt";

/** A blocker may put an empty script in the place of Plaid's: then there is neither Link nor an error. */
const PATIENCE_MS = 15_000;

export interface OpenLinkProps {
  token: string;
  onSuccess: (publicToken: string | null, told: PlaidLinkOnSuccessMetadata | null) => void;
  onExit: (error: PlaidLinkError | null) => void;
  onTrouble: () => void;
}

/** Draws nothing: opens Link as soon as it is ready. Mounted only while Link is wanted, for it loads a script. */
export function OpenLink({ token, onSuccess, onExit, onTrouble }: OpenLinkProps) {
  const { open, ready, error } = usePlaidLink({
    token,
    onSuccess,
    onExit,
    ...(cameBackFromBank() ? { receivedRedirectUri: window.location.href } : {}),
  });
  const opened = useRef(false);
  useEffect(() => {
    if (!ready || opened.current) return;
    opened.current = true;
    open();
  }, [open, ready]);
  useEffect(() => {
    if (error !== null) onTrouble();
  }, [error, onTrouble]);
  useEffect(() => {
    if (ready) return;
    const timer = setTimeout(onTrouble, PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [ready, onTrouble]);
  return null;
}

import { type RefObject, useEffect, useRef } from "react";

/** For a form: whenever it is found wanting, the focus goes to its first field that is. */
export function useFocusOnProblem(problems: object): RefObject<HTMLFormElement | null> {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus(), [problems]);
  return form;
}

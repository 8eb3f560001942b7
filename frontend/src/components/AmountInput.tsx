import { TextInput, type TextInputProps } from "@mantine/core";

import type { AmountProblem } from "@/lib/money";

export const AMOUNT_WORDS: Readonly<Record<AmountProblem, string>> = {
  empty: "Enter an amount.",
  unreadable: "Write the amount in digits, like 12.34.",
  "too-precise": "This currency has fewer digits after the point.",
  "not-positive": "The amount has to be more than zero.",
  "too-large": "That is more than Livespend can take.",
};

/** Text, not a number field: what is typed is parsed exactly, and the wheel of a mouse changes nothing. */
export function AmountInput(props: TextInputProps) {
  return (
    <TextInput label="Amount" inputMode="decimal" autoComplete="off" placeholder="12.34" maxLength={40} {...props} />
  );
}

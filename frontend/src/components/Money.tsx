import { Text, type TextProps, VisuallyHidden } from "@mantine/core";

import { formatMoney, formatUnofficial, isNegative, negated } from "@/lib/money";

export interface MoneyProps extends TextProps {
  /** The exact amount in Plaid's sense: money out is positive, money in negative. */
  exact: string;
  currency: string | null;
  unofficialCurrency?: string | null;
  digits?: number | null;
}

/** An amount of money that moved: what was spent stands bare, what came in has a plus and is green. */
export function Money({ exact, currency, unofficialCurrency = null, digits = null, ...text }: MoneyProps) {
  const incoming = isNegative(exact);
  const size = incoming ? negated(exact) : exact;
  return (
    <Text
      component="span"
      inherit
      {...(incoming ? { c: "var(--money-in)" } : {})}
      {...text}
      className="money"
      dir="ltr"
    >
      {incoming && <VisuallyHidden>money in </VisuallyHidden>}
      {incoming ? "+" : ""}
      {written(size, currency, unofficialCurrency, digits)}
    </Text>
  );
}

function written(exact: string, currency: string | null, unofficial: string | null, digits: number | null): string {
  if (currency !== null) return formatMoney(exact, currency, digits ?? undefined);
  return formatUnofficial(exact, unofficial ?? "");
}

import type { Account } from "@/lib/documents";
import { formatMoney, formatUnofficial, isNegative, isZero, negated } from "@/lib/money";
import { dayName, shortDayName } from "@/lib/months";

export interface GapWords {
  /** For the line of the account: "$12.40 unexplained since Nov 3". */
  readonly line: string;
  /** Which way the money went. */
  readonly says: string;
  /** What may be the reason; followed by the transactions to look at first, if there are any. */
  readonly why: string;
}

const NOTHING = "Nothing here explains it. The bank may not have told a transaction yet.";

const REASONS: Readonly<Record<string, string>> = {
  "counted-but-not-moved": "These are in the list, but the balance did not move:",
  "wrong-direction": "These may have been booked the other way round:",
};

/** What an account's transactions do not explain of its balance; null where they do or nobody can say. */
export function gapWords(account: Account, locale?: string): GapWords | null {
  const { balanceState, gap, gapSince } = account;
  if (balanceState !== "gap" || gap === null || isZero(gap)) return null;
  const money = written(isNegative(gap) ? negated(gap) : gap, account, locale);
  const went = isNegative(gap) ? "came in" : "went out";
  return {
    line: `${money} unexplained${gapSince === null ? "" : ` since ${shortDayName(gapSince, locale)}`}`,
    says: `${money} ${went}${gapSince === null ? "" : ` since ${dayName(gapSince, locale)}`}, and no transaction says why.`,
    why: whyOf(account),
  };
}

/** A reason that this page does not know still has its transactions. */
function whyOf({ gapReason, gapLikely }: Account): string {
  if (gapLikely.length === 0) return NOTHING;
  return REASONS[gapReason ?? ""] ?? "Look at these first:";
}

function written(exact: string, { currency, unofficialCurrency, currencyDigits }: Account, locale?: string): string {
  if (currency === null) return formatUnofficial(exact, unofficialCurrency ?? "", locale);
  return formatMoney(exact, currency, currencyDigits ?? undefined, locale);
}

import { Money } from "@/components/Money";
import type { Transaction } from "@/lib/documents";

/** An amount of a transaction's own kind of money: the whole, a part or what is left. */
export function AmountOf({ transaction, exact }: { transaction: Transaction; exact: string }) {
  return (
    <Money
      exact={exact}
      currency={transaction.currency}
      unofficialCurrency={transaction.unofficialCurrency}
      digits={transaction.currencyDigits}
    />
  );
}

import type { TransactionEdit } from "@/features/transactions/api/edit-transaction";
import { LONGEST_RULE, useAddRule } from "@/features/transactions/api/add-rule";
import { offer } from "@/features/transactions/offer-undo";
import { useCategories } from "@/lib/categories/use-categories";
import type { Transaction } from "@/lib/documents";

/** After somebody chose a category: offers to choose it for everything of that name, by one click. */
export function useOfferRule(transaction: Transaction): (edit: TransactionEdit) => void {
  const categories = useCategories();
  const addRule = useAddRule();
  const nameText = transaction.merchantName ?? transaction.name;
  return ({ categoryId }) => {
    if (typeof categoryId !== "string" || transaction.source !== "bank" || nameText.length > LONGEST_RULE) return;
    const message = `Always put ${nameText} into ${categories.find(categoryId).name}?`;
    offer(message, "Always", () => addRule.mutate({ nameText, categoryId }));
  };
}

/**
 * The documents that the mirror keeps, as the page reads them (docs/documents.md is their description).
 * Firestore promises no shape, so each document is checked at this edge; unknown fields are let through,
 * because a newer mirror may write more than this page knows.
 */
import * as v from "valibot";

import { versionSchema } from "@/lib/live/versions";

const text = v.nullable(v.string());
const whole = v.pipe(v.number(), v.integer());
const instant = v.custom<{ toDate(): Date }>(
  (value) => typeof value === "object" && value !== null && "toDate" in value && typeof value.toDate === "function",
);

export const headSchema = v.object({
  version: versionSchema,
  email: v.optional(text, null),
  displayName: v.optional(text, null),
  window: v.object({ firstMonth: v.string() }),
});

/** Whether this posted transaction is a pending one that the bank dropped; name and money are the pending one's. */
const reviewSchema = v.object({
  id: v.string(),
  state: v.picklist(["open", "undone", "confirmed"]),
  otherEntryId: v.string(),
  name: v.string(),
  amount: v.string(),
  currency: v.optional(text, null),
  unofficialCurrency: v.optional(text, null),
  currencyDigits: v.optional(v.nullable(whole), null),
  date: v.string(),
});

/** A part that the user carved out, in a category of its own. */
const splitSchema = v.object({ categoryId: v.string(), amount: v.string(), note: v.optional(text, null) });

export const transactionSchema = v.object({
  version: versionSchema,
  month: v.string(),
  date: v.string(),
  bankDate: v.optional(text, null),
  authorizedDate: v.optional(text, null),
  name: v.string(),
  merchantName: v.optional(text, null),
  amount: v.string(),
  amountMinor: v.optional(v.nullable(whole), null),
  currency: v.optional(text, null),
  unofficialCurrency: v.optional(text, null),
  currencyDigits: v.optional(v.nullable(whole), null),
  categoryId: v.string(),
  categoryOwner: v.picklist(["user", "rule", "bank"]),
  note: v.optional(text, null),
  pending: v.boolean(),
  source: v.picklist(["bank", "manual"]),
  accountId: v.optional(text, null),
  /** Pending for so long that it counts as never posted: in no total. */
  expired: v.optional(v.boolean(), false),
  review: v.optional(v.nullable(reviewSchema), null),
  splits: v.optional(v.array(splitSchema), []),
});

/** What a household is shown of a member's transaction. */
export const sharedTransactionSchema = v.object({
  version: versionSchema,
  memberId: v.string(),
  date: v.string(),
  name: v.string(),
  merchantName: v.optional(text, null),
  amount: v.string(),
  currency: v.optional(text, null),
  unofficialCurrency: v.optional(text, null),
  currencyDigits: v.optional(v.nullable(whole), null),
  categoryId: v.string(),
  pending: v.boolean(),
  expired: v.optional(v.boolean(), false),
  splits: v.optional(v.array(splitSchema), []),
});

export const memberSchema = v.object({
  version: versionSchema,
  displayName: v.optional(text, null),
  // Open on purpose: a role that this page does not know may do nothing here.
  role: v.optional(v.string(), "member"),
  sharesAll: v.optional(v.boolean(), false),
});

/** What stands in the place of a transaction that the mirror could not write: it still counts, so it is shown. */
export const unshowableSchema = v.object({ version: versionSchema, month: v.string(), date: v.optional(text, null) });

const categoryTotalSchema = v.object({ minor: whole, amount: v.string(), count: whole });

export const currencyTotalsSchema = v.object({
  digits: whole,
  spendMinor: whole,
  spend: v.string(),
  count: whole,
  pendingCount: whole,
  categories: v.record(v.string(), categoryTotalSchema),
  outside: v.record(v.string(), categoryTotalSchema),
});

export const monthSchema = v.object({
  version: versionSchema,
  month: v.string(),
  currencies: v.record(v.string(), currencyTotalsSchema),
  unofficial: v.optional(v.record(v.string(), v.object({ spend: v.string(), count: whole })), {}),
  count: whole,
  pendingCount: whole,
  expiredCount: v.optional(whole, 0),
  budgets: v.array(
    v.object({
      budgetId: v.string(),
      categoryId: v.string(),
      currency: v.string(),
      limitMinor: whole,
      limit: v.string(),
      spentMinor: whole,
      spent: v.string(),
    }),
  ),
  /** Digests over what a page shows; a mirror of before there were any says nothing of them. */
  receipt: v.optional(v.nullable(v.object({ days: text, totals: v.string() })), null),
  inWindow: v.boolean(),
  complete: v.boolean(),
  reflectsAt: v.optional(v.nullable(instant), null),
});

export const accountSchema = v.object({
  version: versionSchema,
  itemId: v.string(),
  name: v.string(),
  officialName: v.optional(text, null),
  mask: v.optional(text, null),
  type: v.string(),
  subtype: v.optional(text, null),
  currency: v.optional(text, null),
  unofficialCurrency: v.optional(text, null),
  currencyDigits: v.optional(v.nullable(whole), null),
  current: v.optional(text, null),
  available: v.optional(text, null),
  closed: v.boolean(),
  // A mirror of before balances were checked says nothing of them. State and reason are open on purpose.
  balanceState: v.optional(text, null),
  /** Money out that no transaction explains; negative: money in. */
  gap: v.optional(text, null),
  gapMinor: v.optional(v.nullable(whole), null),
  gapSince: v.optional(text, null),
  gapLikely: v.optional(v.array(v.string()), []),
  gapReason: v.optional(text, null),
});

/** A payment that comes again and again, as the bank's data has it. */
export const recurringSchema = v.object({
  version: versionSchema,
  accountId: v.string(),
  // Open on purpose, as what Plaid says of rhythm and standing is.
  direction: v.string(),
  description: v.string(),
  merchantName: v.optional(text, null),
  frequency: v.string(),
  status: v.string(),
  active: v.boolean(),
  firstDate: v.string(),
  lastDate: v.string(),
  nextDate: v.optional(text, null),
  average: v.optional(text, null),
  averageMinor: v.optional(v.nullable(whole), null),
  last: v.optional(text, null),
  lastMinor: v.optional(v.nullable(whole), null),
  currency: v.optional(text, null),
  unofficialCurrency: v.optional(text, null),
  currencyDigits: v.optional(v.nullable(whole), null),
  categoryId: v.string(),
  count: whole,
});

export const itemSchema = v.object({
  version: versionSchema,
  institutionName: v.optional(text, null),
  // Open on purpose: a status that this page does not know is shown as trouble, not dropped.
  status: v.string(),
  errorCode: v.optional(text, null),
  message: v.optional(text, null),
  consentExpiresAt: v.optional(v.nullable(instant), null),
  // Open too; a mirror of before there was freshness says nothing of it.
  freshness: v.optional(v.string(), "ok"),
  bankUpdatedAt: v.optional(v.nullable(instant), null),
  changedAt: v.optional(v.nullable(instant), null),
});

/** How far a large update of one item has come; its id is the item's. */
export const importSchema = v.object({
  version: versionSchema,
  // Open on purpose: a phase that this page does not know is shown as work, not dropped.
  phase: v.string(),
  pages: whole,
  rows: whole,
  rowsStored: whole,
  storedFrom: v.optional(text, null),
});

export const categorySchema = v.object({ version: versionSchema, name: v.string() });

export const budgetSchema = v.object({
  version: versionSchema,
  categoryId: v.string(),
  currency: v.string(),
  limitMinor: whole,
  limit: v.string(),
  startsMonth: v.string(),
});

export type Transaction = v.InferOutput<typeof transactionSchema>;
export type SharedTransaction = v.InferOutput<typeof sharedTransactionSchema>;
export type Split = v.InferOutput<typeof splitSchema>;
export type Review = v.InferOutput<typeof reviewSchema>;
export type MonthTotals = v.InferOutput<typeof monthSchema>;
export type CurrencyTotals = v.InferOutput<typeof currencyTotalsSchema>;
export type CategoryTotal = v.InferOutput<typeof categoryTotalSchema>;
export type BudgetProgress = MonthTotals["budgets"][number];
export type Account = v.InferOutput<typeof accountSchema>;
export type Recurring = v.InferOutput<typeof recurringSchema>;
export type Item = v.InferOutput<typeof itemSchema>;
export type Import = v.InferOutput<typeof importSchema>;
export type Budget = v.InferOutput<typeof budgetSchema>;

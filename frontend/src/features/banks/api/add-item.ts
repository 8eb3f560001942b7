import type { PlaidLinkOnSuccessMetadata } from "react-plaid-link";
import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import { type Mark, markedSchema } from "@/lib/live/versions";

export interface NewItem {
  readonly publicToken: string;
  /** The token that opened Link: it says whose bank this becomes. */
  readonly linkToken: string;
  /** What Link says of bank and accounts; the API believes it only to refuse a bank that is there already. */
  readonly told: PlaidLinkOnSuccessMetadata | null;
}

export interface ItemAdded {
  readonly marked: Mark[];
  /** The bank that is linked already and works: then none was added, and nothing was spent at Plaid. */
  readonly existing: string | null;
}

const answer = v.object({ marked: v.optional(markedSchema, []) });

/** Link's public token works once, so it is its own idempotency: the same token gets the same key. */
export async function addItem(api: Api, item: NewItem, idempotencyKey: string): Promise<ItemAdded> {
  try {
    const body = bodyOf(item);
    const added = await api.send({ method: "POST", path: "/api/items", body, idempotencyKey, answer });
    return { ...added, existing: null };
  } catch (error) {
    if (error instanceof ApiError && error.code === "item-already-linked" && error.itemId !== null)
      return { marked: [], existing: error.itemId };
    throw error;
  }
}

function bodyOf({ publicToken, linkToken, told }: NewItem): object {
  const accounts = (told?.accounts ?? []).map(({ name, mask, type, subtype }) => ({ name, mask, type, subtype }));
  return { publicToken, linkToken, institutionId: told?.institution?.institution_id ?? null, accounts };
}

/** The taxonomy's categories and the person's own, in one list with names. */

export interface Category {
  readonly id: string;
  readonly name: string;
  readonly own: boolean;
  /** Has a total of its own, outside spend: income, transfers, card payments. */
  readonly excluded: boolean;
}

export interface Categories {
  readonly all: readonly Category[];
  /** Also answers for a category that is gone: old rows may still carry it. */
  readonly find: (id: string) => Category;
}

/** Own categories as the mirror has them win over those that the API answered once. */
export function mergeCategories(listed: readonly Category[], own: readonly Category[], ownKnown: boolean): Categories {
  const builtIn = listed.filter((category) => !category.own);
  const mine = ownKnown ? own : listed.filter((category) => category.own);
  const all = [...builtIn, ...mine].sort((a, b) => a.name.localeCompare(b.name));
  const byId = new Map(all.map((category) => [category.id, category]));
  return { all, find: (id) => byId.get(id) ?? unknown(id) };
}

/** Upper-case ids are the taxonomy's and readable; an own category's id says nothing. */
function unknown(id: string): Category {
  const builtIn = /^[A-Z_]+$/.test(id);
  return { id, name: builtIn ? sentence(id) : "Removed category", own: !builtIn, excluded: false };
}

function sentence(id: string): string {
  const words = id.toLowerCase().replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

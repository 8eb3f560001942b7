import { expect, test } from "vitest";

import { type Category, mergeCategories } from "@/lib/categories/categories";

const builtIn: Category = { id: "TRAVEL", name: "Travel", own: false, excluded: false };
const oldOwn: Category = { id: "c1", name: "Coffee", own: true, excluded: false };
const newOwn: Category = { id: "c2", name: "Garden", own: true, excluded: false };

test("own categories of the mirror win over the ones answered once", () => {
  const ids = (known: boolean) => mergeCategories([builtIn, oldOwn], [newOwn], known).all.map((one) => one.id);
  expect(ids(true)).toEqual(["c2", "TRAVEL"]);
  expect(ids(false)).toEqual(["c1", "TRAVEL"]);
});

test("a category that nobody knows still has a name", () => {
  const { find } = mergeCategories([], [], true);
  expect(find("FOOD_AND_DRINK").name).toBe("Food and drink");
  expect(find("b0f1c2").name).toBe("Removed category");
});

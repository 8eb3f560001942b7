import * as v from "valibot";
import { expect, test } from "vitest";

import { comingDay, comingUp } from "@/features/recurring/coming-up";
import { recurringSchema } from "@/lib/documents";

const TODAY = "2026-11-21";

function stream(id: string, fields: object) {
  const data = v.parse(recurringSchema, {
    version: { epoch: 1, number: 1 },
    accountId: "a1",
    direction: "out",
    description: `BILL ${id}`,
    merchantName: null,
    frequency: "MONTHLY",
    status: "MATURE",
    active: true,
    firstDate: "2026-01-01",
    lastDate: "2026-11-01",
    nextDate: "2026-12-01",
    average: "10.5",
    last: "11",
    currency: "USD",
    categoryId: "OTHER",
    count: 9,
    ...fields,
  });
  return { path: `users/u/recurring/${id}`, id, data };
}

const names = (...fields: object[]) =>
  comingUp(
    fields.map((one, index) => stream(String(index), one)),
    TODAY,
  ).map(({ name }) => name);

test("streams stand by their day, those of one day by their name", () => {
  const listed = names(
    { nextDate: "2026-12-24", merchantName: "Power" },
    { nextDate: "2026-11-30", merchantName: "Water" },
    { nextDate: "2026-11-30", merchantName: "Rent" },
  );
  expect(listed).toEqual(["Rent", "Water", "Power"]);
});

test("today counts and the 35th day from it; a day that has passed, a later one and none do not", () => {
  const days = ["2026-11-20", "2026-11-21", "2026-12-26", "2026-12-27", null];
  expect(names(...days.map((nextDate) => ({ nextDate, merchantName: nextDate })))).toEqual([
    "2026-11-21",
    "2026-12-26",
  ]);
});

test("a stream that came to its end is left out", () => {
  expect(names({ active: false }, { active: true })).toEqual(["BILL 1"]);
});

test("the last payment is what is expected, else the average, else nothing", () => {
  const amounts = [{}, { last: null }, { last: null, average: null }].map((fields, index) =>
    comingUp([stream(String(index), fields)], TODAY).map(({ amount }) => amount),
  );
  expect(amounts).toEqual([["11"], ["10.5"], [null]]);
});

test("days close by have words, also where a month ends", () => {
  expect(comingDay(TODAY, TODAY)).toBe("Today");
  expect(comingDay("2026-12-01", "2026-11-30")).toBe("Tomorrow");
  expect(comingDay("2026-12-01", TODAY, "en-US")).toBe("Tuesday, December 1");
});

import { expect, test } from "vitest";

import {
  dayName,
  dayOf,
  isMonth,
  monthChoices,
  monthName,
  monthOf,
  shiftDay,
  shiftMonth,
  shortDayName,
} from "@/lib/months";

test("a month is where the wall calendar is, even a minute before midnight", () => {
  expect(monthOf(new Date(2026, 11, 31, 23, 59))).toBe("2026-12");
  expect(dayOf(new Date(2026, 0, 1, 0, 0))).toBe("2026-01-01");
});

test("shifting crosses years both ways", () => {
  expect(shiftMonth("2026-01", -1)).toBe("2025-12");
  expect(shiftMonth("2026-12", 1)).toBe("2027-01");
  expect(shiftMonth("2026-11", -25)).toBe("2024-10");
});

test("only real months are months", () => {
  expect(["2026-11", "2026-13", "2026-00", "26-11", "", null].map(isMonth)).toEqual([
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
});

test("choices are known months with the shown one, newest first, each once", () => {
  expect(monthChoices(["2026-09", "2026-11"], "2026-10", "2026-11")).toEqual(["2026-11", "2026-10", "2026-09"]);
});

test("names do not move with the time zone of the reader", () => {
  expect(monthName("2026-11", "en-US")).toBe("November 2026");
  expect(dayName("2026-11-01", "en-US")).toBe("Sunday, November 1");
  expect(shortDayName("2026-11-01", "en-US")).toBe("Nov 1");
});

test("days shift over the ends of months and years", () => {
  expect([shiftDay("2026-11-30", 1), shiftDay("2026-12-31", 35), shiftDay("2028-03-01", -1)]).toEqual([
    "2026-12-01",
    "2027-02-04",
    "2028-02-29",
  ]);
});

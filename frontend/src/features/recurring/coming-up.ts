import type { Recurring } from "@/lib/documents";
import type { Read } from "@/lib/live/hooks";
import { dayName, shiftDay } from "@/lib/months";

const DAYS_AHEAD = 35;

export interface Coming {
  readonly path: string;
  readonly name: string;
  readonly date: string;
  readonly income: boolean;
  /** The last payment's, else the average; null where the bank's data has neither. */
  readonly amount: string | null;
  readonly stream: Recurring;
}

/** What is still coming in the next five weeks, soonest first; a predicted day that has passed says nothing. */
export function comingUp(streams: readonly Read<Recurring>[], today: string): Coming[] {
  const until = shiftDay(today, DAYS_AHEAD);
  return streams
    .flatMap(({ path, data }) => {
      const { active, nextDate, merchantName, description, direction, last, average } = data;
      if (!active || nextDate === null || nextDate < today || nextDate > until) return [];
      const name = merchantName ?? description;
      return [{ path, name, date: nextDate, income: direction === "in", amount: last ?? average, stream: data }];
    })
    .sort((one, other) => compared(one.date, other.date) || compared(one.name, other.name));
}

/** "Today", "Tomorrow", else the day by its name. */
export function comingDay(date: string, today: string, locale?: string): string {
  if (date === today) return "Today";
  return date === shiftDay(today, 1) ? "Tomorrow" : dayName(date, locale);
}

function compared(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

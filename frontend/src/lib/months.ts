/** Months are text, "2026-11", from the ledger to the screen: no clock and no time zone moves them. */

export type Month = string;

const SHAPE = /^\d{4}-(0[1-9]|1[0-2])$/;

/** Words stand in the page's language, whatever the reader's region; amounts stand in the reader's notation. */
export function readersEnglish(): string {
  return navigator.languages.find((language) => language.startsWith("en")) ?? "en";
}

export function isMonth(text: string | null): text is Month {
  return text !== null && SHAPE.test(text);
}

/** The month on the wall calendar of the person looking. */
export function monthOf(now: Date): Month {
  return `${String(now.getFullYear()).padStart(4, "0")}-${String(now.getMonth() + 1).padStart(2, "0")}`;
}

/** The day on the wall calendar of the person looking, "2026-11-21". */
export function dayOf(now: Date): string {
  return `${monthOf(now)}-${String(now.getDate()).padStart(2, "0")}`;
}

export function shiftMonth(month: Month, by: number): Month {
  const count = Number(month.slice(0, 4)) * 12 + Number(month.slice(5)) - 1 + by;
  return `${String(Math.floor(count / 12)).padStart(4, "0")}-${String((count % 12) + 1).padStart(2, "0")}`;
}

/** Known months, newest first, with the current and the chosen one among them. */
export function monthChoices(known: readonly Month[], ...more: Month[]): Month[] {
  return [...new Set([...known, ...more])].sort().reverse();
}

export function monthName(month: Month, locale = readersEnglish()): string {
  return written(`${month}-01`, { month: "long", year: "numeric" }, locale);
}

export function dayName(day: string, locale = readersEnglish()): string {
  return written(day, { weekday: "long", day: "numeric", month: "long" }, locale);
}

/** "Nov 3": for a line with little room. */
export function shortDayName(day: string, locale = readersEnglish()): string {
  return written(day, { day: "numeric", month: "short" }, locale);
}

/** The day so many days later; whole days of the calendar, no hours. */
export function shiftDay(day: string, by: number): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1, date + by)).toISOString().slice(0, 10);
}

export function momentName(moment: Date, locale = readersEnglish()): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }).format(moment);
}

function written(day: string, shape: Intl.DateTimeFormatOptions, locale: string): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Intl.DateTimeFormat(locale, { ...shape, timeZone: "UTC" }).format(Date.UTC(year, month - 1, date));
}

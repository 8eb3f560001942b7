/** How long ago something was, in words; the reader's own clock and time zone. */
import { useSyncExternalStore } from "react";

import { dayOf, readersEnglish } from "@/lib/months";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "just now", "5 min ago", "2 h ago", "on Tuesday", "on 12 November". A moment that has yet to come is now. */
export function ago(moment: Date, now: Date, locale = readersEnglish()): string {
  const passed = now.getTime() - moment.getTime();
  if (passed < MINUTE) return "just now";
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)} min ago`;
  if (passed < DAY) return `${Math.floor(passed / HOUR)} h ago`;
  return `on ${since(moment, now, locale)}`;
}

/** "14:05" today, "Tuesday" within the last six days, else "12 November". */
export function since(moment: Date, now: Date, locale = readersEnglish()): string {
  if (dayOf(moment) === dayOf(now)) return written(moment, { hour: "numeric", minute: "2-digit" }, locale);
  const recent = now.getTime() - moment.getTime() < 6 * DAY;
  return written(moment, recent ? { weekday: "long" } : { day: "numeric", month: "long" }, locale);
}

/** The time, renewed once a minute while somebody shows it. */
export function useMinute(): Date {
  return new Date(useSyncExternalStore(everyMinute, thisMinute));
}

function everyMinute(changed: () => void): () => void {
  const timer = setInterval(changed, MINUTE);
  return () => clearInterval(timer);
}

function thisMinute(): number {
  return Math.floor(Date.now() / MINUTE) * MINUTE;
}

function written(moment: Date, shape: Intl.DateTimeFormatOptions, locale: string): string {
  return new Intl.DateTimeFormat(locale, shape).format(moment);
}

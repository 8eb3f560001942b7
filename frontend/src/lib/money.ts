/**
 * Money as exact text. Amounts travel as plain decimal strings ("-10.021521") beside integer minor units;
 * nothing here turns them into floating point: Intl formats the text itself, and parsing stays in text.
 */

/** Why a typed amount was not taken. */
export type AmountProblem = "empty" | "unreadable" | "too-precise" | "not-positive" | "too-large";

export type ParsedAmount = { exact: string } | { problem: AmountProblem };

const PLAIN = /^-?\d+(\.\d+)?$/;
const MAX_INTEGER_DIGITS = 12;
/** The ledger's own: no amount has more digits after the point. */
export const MOST_DIGITS = 10;

/** Digits after the point that a currency is written with; 2 for a code that the browser does not know. */
export function currencyDigits(currency: string): number {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}

/** "1234.5", "USD" as "$1,234.50". Rounds half away from zero, as the ledger's totals do. */
export function formatMoney(
  exact: string,
  currency: string,
  digits = currencyDigits(currency),
  locale?: string,
): string {
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  try {
    return new Intl.NumberFormat(locale, { style: "currency", currency, ...fraction }).format(decimal(exact));
  } catch {
    return `${new Intl.NumberFormat(locale, fraction).format(decimal(exact))} ${currency}`;
  }
}

/** An unofficial currency has no agreed digits: the exact amount, then its name. */
export function formatUnofficial(exact: string, currency: string, locale?: string): string {
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: 10 }).format(decimal(exact))} ${currency}`;
}

export function isNegative(exact: string): boolean {
  return exact.startsWith("-") && /[1-9]/.test(exact);
}

export function isZero(exact: string): boolean {
  return !/[1-9]/.test(exact);
}

export function negated(exact: string): string {
  if (isZero(exact)) return exact.replace("-", "");
  return exact.startsWith("-") ? exact.slice(1) : `-${exact}`;
}

/** The exact sum. */
export function added(exacts: readonly string[]): string {
  return fromSmallest(exacts.reduce((sum, exact) => sum + smallest(exact), 0n));
}

/** How much of `whole` is `part`, 0 to 100, for the length of a bar; a minus has no length. */
export function percentOf(part: number, whole: number): number {
  if (whole <= 0 || part <= 0) return 0;
  return Math.min(100, (part / whole) * 100);
}

/** Reads an amount as a person types it in their own notation, and keeps every digit. */
export function parseAmount(
  text: string,
  currency: string,
  locale?: string,
  digits = currencyDigits(currency),
): ParsedAmount {
  const typed = text.replace(/[\s\u00a0\u202f]/g, "");
  if (typed === "") return { problem: "empty" };
  const plain = toPlain(typed, locale);
  if (plain === null) return { problem: "unreadable" };
  const exact = trimmed(plain);
  const [integer = "", fraction = ""] = exact.split(".");
  if (isZero(exact) || isNegative(exact)) return { problem: "not-positive" };
  if (fraction.length > digits) return { problem: "too-precise" };
  if (integer.length > MAX_INTEGER_DIGITS) return { problem: "too-large" };
  return { exact };
}

/** An exact amount as the reader would type it: parsing what this gives gives the amount again. */
export function asTyped(exact: string, locale?: string): string {
  return exact.replace(".", separators(locale).point);
}

/** Takes the locale's own grouping and decimal sign, or plain "1234.56"; "12,34" is a riddle in English and refused. */
function toPlain(typed: string, locale?: string): string | null {
  const { group, point } = separators(locale);
  const unsigned = typed.replace(/^-/, "");
  const sign = unsigned === typed ? "" : "-";
  const grouped = new RegExp(`^\\d{1,3}(${escaped(group)}\\d{2,3})*${escaped(group)}\\d{3}(${escaped(point)}\\d+)?$`);
  const local = new RegExp(`^\\d*(${escaped(point)}\\d*)?$`);
  if (grouped.test(unsigned)) return sign + unsigned.replaceAll(group, "").replace(point, ".");
  if (local.test(unsigned) && /\d/.test(unsigned)) return sign + unsigned.replace(point, ".");
  return PLAIN.test(typed) ? typed : null;
}

function separators(locale?: string): { group: string; point: string } {
  const parts = new Intl.NumberFormat(locale, { numberingSystem: "latn" }).formatToParts(1234567.8);
  const find = (type: string) => parts.find((part) => part.type === type)?.value.trim();
  const group = find("group") ?? "";
  // Where groups are set apart by a space, the typed spaces are gone already.
  return { group: group === "" ? "'" : group, point: find("decimal") ?? "." };
}

/** No leading and no trailing zeros, no bare point: ".50" becomes "0.5". */
function trimmed(plain: string): string {
  const sign = plain.startsWith("-") ? "-" : "";
  const [integer = "", fraction = ""] = plain.replace("-", "").split(".");
  const whole = integer.replace(/^0+(?=\d)/, "") || "0";
  const rest = fraction.replace(/0+$/, "");
  return sign + (rest === "" ? whole : `${whole}.${rest}`);
}

/** In units of the tenth digit after the point. */
function smallest(exact: string): bigint {
  const [integer = "", fraction = ""] = decimal(exact).split(".");
  return BigInt(integer + fraction.padEnd(MOST_DIGITS, "0"));
}

function fromSmallest(units: bigint): string {
  const digits = (units < 0n ? -units : units).toString().padStart(MOST_DIGITS + 1, "0");
  return trimmed(`${units < 0n ? "-" : ""}${digits.slice(0, -MOST_DIGITS)}.${digits.slice(-MOST_DIGITS)}`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function decimal(exact: string): Intl.StringNumericLiteral {
  if (!PLAIN.test(exact)) throw new TypeError(`Not an exact decimal: ${exact}`);
  return exact as Intl.StringNumericLiteral;
}

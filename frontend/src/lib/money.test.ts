import { describe, expect, test } from "vitest";

import {
  added,
  asTyped,
  currencyDigits,
  formatMoney,
  formatUnofficial,
  isNegative,
  negated,
  parseAmount,
  percentOf,
} from "@/lib/money";

const spaced = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

describe("formatMoney", () => {
  test("writes an amount in the notation of the reader", () => {
    expect(formatMoney("1234.5", "USD", 2, "en-US")).toBe("$1,234.50");
    expect(spaced(formatMoney("1234.5", "EUR", 2, "de-DE"))).toBe("1.234,50 €");
  });

  test("keeps every digit of an amount that floating point cannot hold", () => {
    expect(formatMoney("90071992547409931234.57", "USD", 2, "en-US")).toBe("$90,071,992,547,409,931,234.57");
  });

  test("rounds half away from zero, as the ledger's totals do", () => {
    expect(formatMoney("2.675", "USD", 2, "en-US")).toBe("$2.68");
    expect(formatMoney("-2.675", "USD", 2, "en-US")).toBe("-$2.68");
  });

  test("uses the digits of the document, for currencies without and with three", () => {
    expect(formatMoney("1200", "JPY", 0, "en-US")).toBe("¥1,200");
    expect(spaced(formatMoney("1.5", "KWD", 3, "en-US"))).toBe("KWD 1.500");
  });

  test("names a code that is no currency code after the amount", () => {
    expect(formatMoney("3", "USDT", 2, "en-US")).toBe("3.00 USDT");
  });

  test("refuses what is not an exact decimal instead of drawing NaN", () => {
    expect(() => formatMoney("1e3", "USD", 2, "en-US")).toThrow(TypeError);
  });
});

test("an unofficial currency shows all its digits and no more", () => {
  expect(formatUnofficial("0.0000012", "BTC", "en-US")).toBe("0.0000012 BTC");
});

test("digits come from the currency, and are two for an unknown one", () => {
  expect([currencyDigits("JPY"), currencyDigits("KWD"), currencyDigits("USDT")]).toEqual([0, 3, 2]);
});

test("a minus before nothing is not negative", () => {
  expect([isNegative("-0.00"), isNegative("-0.01"), isNegative("1")]).toEqual([false, true, false]);
  expect([negated("5"), negated("-5.20"), negated("-0")]).toEqual(["-5", "5.20", "0"]);
});

test("a bar is never longer than whole and never shorter than nothing", () => {
  expect([percentOf(1, 4), percentOf(9, 4), percentOf(-3, 4), percentOf(3, 0)]).toEqual([25, 100, 0, 0]);
});

describe("parseAmount", () => {
  const parse = (text: string, currency = "USD", locale = "en-US") => parseAmount(text, currency, locale);

  test.each([
    ["12.34", "12.34"],
    [" 1,234.50 ", "1234.5"],
    [".5", "0.5"],
    ["007", "7"],
    ["12.", "12"],
    ["0.10", "0.1"],
  ])("reads %j as %s", (text, exact) => {
    expect(parse(text)).toEqual({ exact });
  });

  test("takes the decimal sign of the reader, and the plain point beside it", () => {
    expect(parse("1.234,50", "EUR", "de-DE")).toEqual({ exact: "1234.5" });
    expect(parse("12,34", "EUR", "de-DE")).toEqual({ exact: "12.34" });
    expect(parse("12.34", "EUR", "de-DE")).toEqual({ exact: "12.34" });
    expect(parse("1 234,50", "EUR", "fr-FR")).toEqual({ exact: "1234.5" });
    expect(parse("1,23,456.7", "INR", "en-IN")).toEqual({ exact: "123456.7" });
  });

  test.each([
    ["", "empty"],
    ["   ", "empty"],
    ["12,34", "unreadable"],
    ["1e3", "unreadable"],
    ["12.3.4", "unreadable"],
    ["twelve", "unreadable"],
    ["$5", "unreadable"],
    ["٣", "unreadable"],
    [".", "unreadable"],
    ["0", "not-positive"],
    ["0.00", "not-positive"],
    ["-5", "not-positive"],
    ["1.999", "too-precise"],
    ["1234567890123", "too-large"],
  ])("refuses %j as %s", (text, problem) => {
    expect(parse(text)).toEqual({ problem });
  });

  test("holds a yen to whole yen and lets a dinar have three digits", () => {
    expect(parse("100.5", "JPY")).toEqual({ problem: "too-precise" });
    expect(parse("1.234", "KWD")).toEqual({ exact: "1.234" });
  });
});

test("an amount written for editing is read as the same amount, whatever the reader's notation", () => {
  for (const locale of ["en-US", "de-DE", "fr-FR", "de-CH", "ar-EG", "hi-IN"])
    for (const exact of ["1.234", "1234.5", "0.125", "100"])
      expect(parseAmount(asTyped(exact, locale), "KWD", locale)).toEqual({ exact });
});

test("sums are exact to the last digit that the ledger keeps", () => {
  expect(added([])).toBe("0");
  expect(added(["0.1", "0.2", "-0.3"])).toBe("0");
  expect(added(["999999999999999.0123456789", "0.0000000001"])).toBe("999999999999999.012345679");
  expect(added(["1", "-1.5"])).toBe("-0.5");
  expect(added(["-0.5", "0.25"])).toBe("-0.25");
});

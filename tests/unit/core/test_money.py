"""Money: exact text, and minor units rounded half away from zero in the currency's own digits."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.money import currencies, digits, exact, minor

amounts = st.decimals(min_value=-(10**15), max_value=10**15, places=10, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("currency", "expected"),
    [("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("IQD", 3), ("CLF", 4), ("HUF", 2), ("ISK", 0)],
)
def test_digits_are_those_of_iso_4217(currency: str, expected: int) -> None:
    assert digits(currency) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("12.34", "USD", 1234),
        ("0.005", "USD", 1),
        ("-0.005", "USD", -1),
        ("0.0049999999", "USD", 0),
        ("2.675", "USD", 268),
        ("10.5", "JPY", 11),
        ("1.0005", "KWD", 1001),
        ("999999999999999.0049999999", "USD", 99999999999999900),
    ],
)
def test_minor_units_are_rounded_half_away_from_zero(amount: str, currency: str, expected: int) -> None:
    assert minor(Decimal(amount), currency) == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("10.021521", "10.021521"),
        ("12.0000000000", "12"),
        ("-0.50", "-0.5"),
        ("1E+3", "1000"),
        ("1E-10", "0.0000000001"),
        ("0.0000000000", "0"),
        ("-0", "0"),
        ("100", "100"),
    ],
)
def test_exact_text_has_no_exponent_and_no_trailing_zeros(amount: str, expected: str) -> None:
    assert exact(Decimal(amount)) == expected


@given(amounts)
def test_exact_text_says_the_same_number(amount: Decimal) -> None:
    text = exact(amount)

    assert Decimal(text) == amount
    assert "E" not in text


@given(amounts)
def test_minor_units_mirror_at_zero(amount: Decimal) -> None:
    assert minor(-amount, "USD") == -minor(amount, "USD")


def test_codes_that_stand_for_no_currency_are_unknown() -> None:
    assert {"USD", "EUR", "JPY", "KWD"} <= currencies()
    assert currencies().isdisjoint({"XXX", "XTS", "BTC", "usd", ""})

"""Fields of bodies: exact, strict, and refused with a sentence."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from api.bodies import TransactionsQuery
from sync.ledger.bodies import EntryEditBody, NewBudgetBody, NewExpenseBody

EXPENSE = {"amount": "12.34", "currency": "USD", "date": "2026-11-21", "name": "Lunch", "categoryId": "FOOD_AND_DRINK"}


def expense(**changed: Any) -> NewExpenseBody:
    return NewExpenseBody.model_validate(EXPENSE | changed)


@pytest.mark.parametrize("text", ["0", "-0.5", "12.34", "999999999999999.9999999999", "0.0000000001"])
def test_an_amount_is_the_exact_decimal_of_its_text(text: str):
    assert Decimal(text) == expense(amount=text).amount


@pytest.mark.parametrize(
    "amount",
    [12.34, 12, "1e3", "NaN", "Infinity", "", " 1", "1,5", "+1", "1.", ".5", "٣", "1" * 16, "0." + "1" * 11, None],
)
def test_an_amount_that_is_not_a_plain_decimal_text_is_refused(amount: object):
    with pytest.raises(ValidationError, match="decimal number in a string"):
        expense(amount=amount)


@pytest.mark.parametrize(
    "day", ["2026-02-30", "2026-2-3", "20261121", "2026-11-21T00:00:00", 0, "1899-12-31", "2200-01-01"]
)
def test_a_day_that_is_not_in_the_calendar_is_refused(day: object):
    with pytest.raises(ValidationError, match="must be a day"):
        expense(date=day)


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "2026-1", "2026-11-01", "november", "0000-01"])
def test_a_month_that_is_not_in_the_calendar_is_refused(month: str):
    with pytest.raises(ValidationError, match="must be a month"):
        TransactionsQuery.model_validate({"month": month})


def test_a_month_is_its_first_day():
    assert date(2026, 11, 1) == TransactionsQuery.model_validate({"month": "2026-11"}).month


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "", "9" * 5000, "²"])
def test_a_page_size_out_of_range_is_refused(limit: str):
    with pytest.raises(ValidationError, match="from 1 to 200"):
        TransactionsQuery.model_validate({"month": "2026-11", "limit": limit})


@pytest.mark.parametrize("name", ["", "   ", "a\x00b", "\ud800", "x" * 201, 7, None])
def test_a_name_that_cannot_be_stored_or_shown_is_refused(name: object):
    with pytest.raises(ValidationError):
        expense(name=name)


def test_a_text_is_trimmed_and_keeps_its_language():
    assert expense(name="  Café 🍜 東京 ").name == "Café 🍜 東京"


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs"):
        expense(userId="somebody-else")


@pytest.mark.parametrize("currency", ["usd", "US", "USDT", "€", 1])
def test_a_currency_code_of_the_wrong_form_is_refused(currency: object):
    with pytest.raises(ValidationError, match="three capital letters"):
        NewBudgetBody.model_validate({"categoryId": "X", "currency": currency, "limit": "1", "startsMonth": "2026-11"})


def test_null_and_left_out_are_two_things():
    assert EntryEditBody.model_validate({"categoryId": None}).given() == {"category_id": None}
    assert EntryEditBody.model_validate({}).given() == {}

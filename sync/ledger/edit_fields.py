"""Types of single fields as they travel in JSON: money, days, months, texts, ids.

Each type parses one text strictly and says in a sentence what it expects, because the sentence reaches the person
who typed it. Amounts are decimal strings on the wire and `Decimal` inside; a JSON number is refused, for a parser
may already have rounded it.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

# numeric(28,10), and the ledger takes amounts below 10^15
AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
CURRENCY = re.compile(r"[A-Z]{3}")
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)


def parse_amount(value: Any) -> Decimal:
    """An exact decimal from its text."""
    if not isinstance(value, str) or not AMOUNT.fullmatch(value):
        raise PydanticCustomError("amount", 'must be a decimal number in a string, such as "12.34"')
    return Decimal(value)


def parse_day(value: Any) -> date:
    """A day from `yyyy-mm-dd`."""
    if isinstance(value, str) and DAY.fullmatch(value):
        try:
            return in_range(date.fromisoformat(value))
        except ValueError:
            pass
    raise PydanticCustomError("day", "must be a day such as 2026-11-21, between 1900 and 2199")


def parse_month(value: Any) -> date:
    """The first day of the month from `yyyy-mm`."""
    if isinstance(value, str) and MONTH.fullmatch(value):
        try:
            return in_range(date.fromisoformat(f"{value}-01"))
        except ValueError:
            pass
    raise PydanticCustomError("month", "must be a month such as 2026-11, between 1900-01 and 2199-12")


def in_range(day: date) -> date:
    """The day itself, if a ledger may hold it."""
    if not EARLIEST <= day <= LATEST:
        raise ValueError(day)
    return day


def parse_currency(value: Any) -> str:
    """A currency code of ISO 4217's form; whether it exists is the ledger's question."""
    if not isinstance(value, str) or not CURRENCY.fullmatch(value):
        raise PydanticCustomError("currency", "must be a currency code of three capital letters, such as USD")
    return value


def refuse_control_characters(value: str) -> str:
    """The text, trimmed; control characters and lone surrogates cannot be stored, an empty text says nothing."""
    text = value.strip()
    if any((ord(char) < 32 and char not in "\n\t") or 0x7F <= ord(char) < 0xA0 for char in text):
        raise PydanticCustomError("control_character", "must not contain control characters")
    if any(0xD800 <= ord(char) < 0xE000 for char in text):
        raise PydanticCustomError("surrogate", "must be well-formed Unicode")
    if not text:
        raise PydanticCustomError("blank", "must not be blank")
    return text


def hint(value: Any) -> str | None:
    """A text that may be of use; anything else is as if it were not there."""
    if not isinstance(value, str) or any(ord(char) < 32 or 0xD800 <= ord(char) < 0xE000 for char in value):
        return None
    return value[:500]


def longest(limit: int) -> AfterValidator:
    """A check that a text has no more than `limit` characters."""

    def check(value: str) -> str:
        if len(value) > limit:
            raise PydanticCustomError("too_long", "must have at most {limit} characters", {"limit": limit})
        return value

    return AfterValidator(check)


def _text(limit: int, **schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "minLength": 1, "maxLength": limit, **schema})


Amount = Annotated[
    Decimal,
    BeforeValidator(parse_amount),
    WithJsonSchema({"type": "string", "pattern": f"^{AMOUNT.pattern}$", "examples": ["12.34"]}),
]
Day = Annotated[date, BeforeValidator(parse_day), WithJsonSchema({"type": "string", "format": "date"})]
Month = Annotated[
    date,
    BeforeValidator(parse_month),
    WithJsonSchema({"type": "string", "pattern": f"^{MONTH.pattern}$", "examples": ["2026-11"]}),
]
Currency = Annotated[
    str,
    BeforeValidator(parse_currency),
    WithJsonSchema({"type": "string", "pattern": f"^{CURRENCY.pattern}$", "examples": ["USD"]}),
]
_clean = AfterValidator(refuse_control_characters)
Name = Annotated[str, _clean, longest(200), _text(200)]
CategoryName = Annotated[str, _clean, longest(60), _text(60)]
Note = Annotated[str, _clean, longest(500), _text(500)]
Identifier = Annotated[str, _clean, longest(128), _text(128)]
Token = Annotated[str, _clean, longest(512), _text(512, writeOnly=True)]
Hint = Annotated[
    str | None, BeforeValidator(hint), WithJsonSchema({"type": ["string", "null"], "description": "Told by Link."})
]
Email = Annotated[str, _clean, longest(320), _text(320)]

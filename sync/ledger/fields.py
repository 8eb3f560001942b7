"""What a user may store: the checks of every value that an edit brings, whichever door it came through.

Each check answers the value as it will be stored or raises InvalidFields naming the field. Doors check the shape of
their messages before; these are the ledger's own rules, so a second door cannot forget them. Pure.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from sync.errors import InvalidFields, LivespendError
from sync.money import currencies

AMOUNT_BOUND = Decimal(10) ** 15
AMOUNT_DECIMALS = 10
EARLIEST = date(1970, 1, 1)
_FUTURE = timedelta(days=366)


def amount(value: Decimal, field: str = "amount") -> Decimal:
    """Money out positive, a refund negative; not zero, below 10^15, at most ten decimals."""
    if not value.is_finite() or value == 0 or abs(value) >= AMOUNT_BOUND:
        raise InvalidFields({field: "must be a number other than 0, below 10^15"})
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -AMOUNT_DECIMALS:
        raise InvalidFields({field: f"must have at most {AMOUNT_DECIMALS} decimals"})
    return value


def limit_amount(value: Decimal, field: str = "limit") -> Decimal:
    """A budget's limit: an amount above zero."""
    if amount(value, field) < 0:
        raise InvalidFields({field: "must be more than 0"})
    return value


def currency(value: str, field: str = "currency") -> str:
    """An ISO 4217 code."""
    if value not in currencies():
        raise InvalidFields({field: "must be a currency code of ISO 4217, such as USD"})
    return value


def spent_on(value: date, today: date, field: str = "date") -> date:
    """A day that a person may have spent money on: 1970 until a year from today."""
    if not EARLIEST <= value <= today + _FUTURE:
        raise InvalidFields({field: f"must be a day from {EARLIEST} to a year from today"})
    return value


def first_of_month(value: date, field: str = "startsMonth") -> date:
    """A month, as its first day."""
    if value.day != 1 or value < EARLIEST:
        raise InvalidFields({field: f"must be a month from {EARLIEST:%Y-%m} on"})
    return value


def words(value: str, field: str, longest: int) -> str:
    """Text of 1 to `longest` characters, trimmed; what Postgres cannot store (NUL, lone surrogates) is refused."""
    text = value.strip()
    if not 1 <= len(text) <= longest:
        raise InvalidFields({field: f"must have 1 to {longest} characters"})
    if "\0" in text or any(0xD800 <= ord(char) < 0xE000 for char in text):
        raise InvalidFields({field: "must be well-formed text"})
    return text


def key(value: UUID | str, missing: type[LivespendError]) -> UUID:
    """An id of the ledger; what cannot be one is as unknown as one that is not there."""
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except (ValueError, AttributeError, TypeError):
        raise missing from None

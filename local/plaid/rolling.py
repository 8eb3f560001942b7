"""roll_dates_forward: all dates of a custom user move by the same days, so that the newest activity happened today.

Activity is what Plaid's schema names as such: transactions and investment transactions, pay periods and pay days, the
prices of holdings, a loan's last payment and statement. Dates of products that have no effect here count as well, or
a configuration with a brokerage account would roll elsewhere than in Plaid's Sandbox; one of them that cannot be read
is passed over. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from local.plaid.rows import Row

_ACTIVITY = (
    ("investment_transactions", "date"),
    ("holdings", "institution_price_as_of"),
    ("liability", "last_payment_date"),
    ("liability", "last_statement_issue_date"),
    ("income", "paystubs", "pay_period_details", "end_date"),
    ("income", "paystubs", "pay_period_details", "pay_date"),
    ("income", "paystubs", "pay_period_details", "pay_day"),
)


def rolled(rows: Sequence[Row], configuration: dict[str, Any], today: date) -> list[Row]:
    """Answers the rows with shifted dates; distances stay, so the newest may still be pending. Raises OverflowError."""
    activity = [row.authorized_date or row.date for row in rows]
    activity += [day for path in _ACTIVITY for day in _days(configuration.get("override_accounts"), path)]
    if not activity:
        return list(rows)
    shift = today - max(activity)
    return [
        replace(row, date=row.date + shift, authorized_date=row.authorized_date and row.authorized_date + shift)
        for row in rows
    ]


def _days(value: Any, path: Sequence[str]) -> Iterator[date]:
    if isinstance(value, list):
        for element in value:
            yield from _days(element, path)
    elif isinstance(value, dict) and path:
        yield from _days(value.get(path[0]), path[1:])
    elif isinstance(value, str) and not path:
        try:
            yield date.fromisoformat(value)
        except ValueError:
            return

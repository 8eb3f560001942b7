"""Spend: the totals of months, per currency and effective category, always summed from the rows themselves.

Spend is live rows, pending included, money out positive and refunds negative; what is split counts by its parts, and
categories in `spend_exclusions` have totals of their own outside it. There are no counters that could drift. Who may
call: the API, and whoever wants to compare the mirror with plain SQL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from sync.db import snapshot
from sync.deps import Deps
from sync.errors import MonthNotFound
from sync.ledger.totals import totals_of
from sync.mirror.documents import Budget, Total, month_document
from sync.mirror.window import read_window

_WANTED = """
    select distinct t.user_id, t.month from transactions as t
    where t.user_id = :user_id and t.removed_at is null
      and (cast(:months as date[]) is null or t.month = any (cast(:months as date[])))
"""
_TOTALS = text(totals_of(_WANTED))
_BUDGETS = text("""
    select id::text, category_id, iso_currency, limit_amount, starts_month from budgets
    where user_id = :user_id and removed_at is null order by id
""")

Month = dict[str, Any]


@dataclass(frozen=True)
class MonthTotal:
    """One month, currency and category. Exactly one of the currencies is set.

    `count` and `pending` hold each transaction once, under its effective category; `parts` all with money in this one.
    """

    month: date
    currency: str | None
    unofficial: str | None
    category_id: str
    excluded: bool
    amount: Decimal
    count: int
    pending: int
    parts: int
    expired: int


def month_totals(connection: Connection, user_id: str, months: Sequence[date] | None = None) -> list[MonthTotal]:
    """The totals of these months (first days), or of all; months without live rows have none."""
    bound = {"user_id": user_id, "months": None if months is None else list(months)}
    return [MonthTotal(*row[1:]) for row in connection.execute(_TOTALS, bound)]


def list_months(deps: Deps, user_id: str) -> list[Month]:
    """Every month that has a live row, newest first, as its document shows it."""
    return _months(deps, user_id, None)


def get_month(deps: Deps, user_id: str, month: date) -> Month:
    """One month as its document shows it; raises MonthNotFound when it has no live row."""
    found = _months(deps, user_id, [month.replace(day=1)])
    if not found:
        raise MonthNotFound
    return found[0]


def _months(deps: Deps, user_id: str, months: Sequence[date] | None) -> list[Month]:
    with snapshot(deps.engine, user_id) as connection:
        totals = month_totals(connection, user_id, months)
        budgets = [Budget(*row) for row in connection.execute(_BUDGETS, {"user_id": user_id})]
        first = read_window(connection)
    by_month: dict[date, list[Total]] = defaultdict(list)
    for row in totals:
        by_month[row.month].append(Total(*astuple(row)[1:]))
    return [month_document(month, rows, budgets, first) for month, rows in sorted(by_month.items(), reverse=True)]

"""Spend: the totals of months, per currency and effective category, always summed from the rows themselves.

Spend is live rows, pending included, money out positive and refunds negative; categories in `spend_exclusions` have
totals of their own outside it. There are no counters that could drift. Who may call: the API, and whoever wants to
compare the mirror with plain SQL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from sync.db import snapshot
from sync.deps import Deps
from sync.documents import Budget, Total, month_document
from sync.errors import MonthNotFound
from sync.window import read_window

_TOTALS = text("""
    select t.month, t.iso_currency, t.unofficial_currency, c.category_id, x.category_id is not null as excluded,
        sum(t.amount) as amount, count(*) as count, count(*) filter (where t.pending) as pending
    from transactions as t
    join entries as e on e.id = t.entry_id and e.removed_at is null
    cross join lateral (select coalesce(e.user_category_id, e.rule_category_id, t.bank_category_id)) as c(category_id)
    left join spend_exclusions as x on x.category_id = c.category_id
    where t.user_id = :user_id and t.removed_at is null
      and (cast(:months as date[]) is null or t.month = any (cast(:months as date[])))
    group by t.month, t.iso_currency, t.unofficial_currency, c.category_id, x.category_id
    order by t.month, t.iso_currency, t.unofficial_currency, c.category_id
""")
_BUDGETS = text("""
    select id::text, category_id, iso_currency, limit_amount, starts_month from budgets
    where user_id = :user_id and removed_at is null order by id
""")

Month = dict[str, Any]


@dataclass(frozen=True)
class MonthTotal:
    """The live rows of one month, currency and effective category. Exactly one of the currencies is set."""

    month: date
    currency: str | None
    unofficial: str | None
    category_id: str
    excluded: bool
    amount: Decimal
    count: int
    pending: int


def month_totals(connection: Connection, user_id: str, months: Sequence[date] | None = None) -> list[MonthTotal]:
    """The totals of these months (first days), or of all; months without live rows have none."""
    bound = {"user_id": user_id, "months": None if months is None else list(months)}
    return [MonthTotal(*row) for row in connection.execute(_TOTALS, bound)]


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
        by_month[row.month].append(
            Total(row.currency, row.unofficial, row.category_id, row.excluded, row.amount, row.count, row.pending)
        )
    return [month_document(month, rows, budgets, first) for month, rows in sorted(by_month.items(), reverse=True)]

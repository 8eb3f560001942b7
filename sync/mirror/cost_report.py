"""What mirroring cost, for the operator: the meter's sums by user, day or kind, priced as the settings say.

Reads the ledger only; changes nothing but by `forget_old`. Called by the command line, status.py and the worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from sqlalchemy import text

from sync.db import transaction
from sync.deps import Deps
from sync.mirror.asked import key_of, owner_of
from sync.mirror.changes import Cursor
from sync.mirror.cost import Prices, plain_amount, prices_of
from sync.settings import Settings

By: TypeAlias = Literal["user", "day", "kind"]

FACTS = ("changes", "writes", "deletes", "bytes", "index_entries", "listened")
_SUMS = ", ".join(f"sum({name})::bigint as {name}" for name in FACTS)
_USER = "case when owner like 'users/%%' then substr(owner, 7) else owner end"
_GROUPS: dict[By, str] = {"user": _USER, "day": "day::text", "kind": "kind"}
_ROWS = """
select {group} as name, {sums} from mirror_costs
where day >= %(since)s and (%(owner)s::text is null or owner = %(owner)s) group by 1 order by 1
"""
_TRANSACTIONS = """
select coalesce(sum(changes) filter (where kind like 'transactions%%'), 0)::bigint,
    coalesce(sum(writes + deletes), 0)::bigint, count(distinct owner), count(distinct day)
from mirror_costs where day >= %(since)s and (%(owner)s::text is null or owner = %(owner)s)
"""
_OVER = """
select owner, sum(writes)::bigint, sum(deletes)::bigint, sum(listened)::bigint from mirror_costs
where day = (now() at time zone 'utc')::date group by owner
having {cost} > %(cap)s order by {cost} desc limit 100
"""
_TODAY = """
select coalesce(sum(writes), 0)::bigint, coalesce(sum(deletes), 0)::bigint, coalesce(sum(listened), 0)::bigint
from mirror_costs where day = (now() at time zone 'utc')::date
"""
_COST = "(sum(writes) * %(writes)s + sum(deletes) * %(deletes)s + sum(listened) * %(listened)s) / 100000"
_FORGET = text("delete from mirror_costs where day < :before")


def report(cursor: Cursor, settings: Settings, *, by: By, since: date, user_id: str | None = None) -> dict[str, Any]:
    """Costs since a UTC day, one row per user, day or kind, the dearest user first. Amounts are exact decimals."""
    asked = {"since": since, "owner": None if user_id is None else owner_of(user_id)}
    prices = prices_of(settings)
    cursor.execute(_ROWS.format(group=_GROUPS[by], sums=_SUMS), asked)
    rows = [_priced(by, row, prices) for row in cursor.fetchall()]
    if by == "user":
        rows.sort(key=lambda row: (-row["cost"], row["user"]))
    cursor.execute(_TRANSACTIONS, asked)
    transactions, written, users, days = cursor.fetchone() or (0, 0, 0, 0)
    return {
        "since": since, "by": by, "rows": rows, "users": users, "days": days,
        "cost": sum((row["cost"] for row in rows), Decimal(0)), "changedTransactions": transactions,
        "writesPerChangedTransaction": round(written / transactions, 3) if transactions else None,
        "prices": _shown(prices),
    }  # fmt: skip


def _priced(by: By, row: Sequence[Any], prices: Prices) -> dict[str, Any]:
    name, changes, writes, deletes, size, entries, listened = row
    return {
        by: name, "changes": changes, "writes": writes, "deletes": deletes, "bytes": size, "indexEntries": entries,
        "expectedReads": plain_amount(prices.listeners * listened),
        "cost": plain_amount(prices.of(writes, deletes, listened)),
    }  # fmt: skip


def _shown(prices: Prices) -> dict[str, Any]:
    return {
        "currency": prices.currency, "per": 100_000, "writes": prices.writes, "deletes": prices.deletes,
        "reads": prices.reads, "listeners": prices.listeners,
    }  # fmt: skip


def read_caps(cursor: Cursor, settings: Settings) -> dict[str, Any]:
    """Today's cost of all, the caps, and who is above theirs and therefore paced slower (100 at most)."""
    prices = prices_of(settings)
    cursor.execute(_TODAY)
    today = prices.of(*(cursor.fetchone() or (0, 0, 0)))
    return {
        "currency": prices.currency, "today": plain_amount(today),
        "totalCap": _or_none(settings.cost_cap_total_day), "userCap": _or_none(settings.cost_cap_user_day),
        "everybodyIsPaced": bool(settings.cost_cap_total_day) and today > settings.cost_cap_total_day,
        "paced": _above(cursor, settings.cost_cap_user_day, prices) if settings.cost_cap_user_day else [],
    }  # fmt: skip


def _above(cursor: Cursor, cap: Decimal, prices: Prices) -> list[dict[str, Any]]:
    rates = {"writes": prices.writes, "deletes": prices.deletes, "listened": prices.reads * prices.listeners}
    cursor.execute(_OVER.format(cost=_COST), {**rates, "cap": cap})
    return [{"user": key_of(owner), "cost": plain_amount(prices.of(*sums))} for owner, *sums in cursor.fetchall()]


def _or_none(cap: Decimal) -> Decimal | None:
    return cap or None


def forget_old(deps: Deps) -> int:
    """Forgets days older than the settings keep; answers how many rows. Twice is safe. For the worker."""
    with transaction(deps.engine) as connection:
        before = deps.now().date().toordinal() - deps.settings.cost_keep_days
        return connection.execute(_FORGET, {"before": date.fromordinal(max(1, before))}).rowcount

"""Recurring streams, found in the item's own rows.

A stream is the same merchant (or description) in the same account, currency and direction at regular gaps: from three
rows on it is MATURE, with two alike EARLY_DETECTION, and after a silence of one and a half gaps TOMBSTONED. Pending
rows do not count. RECURRING_TRANSACTIONS_UPDATE goes to items that asked once, when their streams have become others.
"""

from __future__ import annotations

import calendar
import itertools
import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from local.plaid import changelog, history, rows, webhooks, wire
from local.plaid.world import World

Body = dict[str, Any]
# frequency, shortest and longest gap in days, gap to expect
_GAPS = (
    ("WEEKLY", 6, 8, 7),
    ("BIWEEKLY", 13, 15, 14),
    ("SEMI_MONTHLY", 11, 18, 15),
    ("MONTHLY", 26, 35, 30),
    ("ANNUALLY", 355, 375, 365),
)
DYNAMIC, _DYNAMIC_MONTHS = "user_transactions_dynamic", 6
_ALIKE = Decimal("0.2")


def tell(world: World, item: sqlite3.Row) -> None:
    """Queues RECURRING_TRANSACTIONS_UPDATE if the item ever asked and its streams are not those told last."""
    before = world.store.value("select recurring from items where item = ?", item["item"])
    if before is None or before == (now := digest(world, item)):
        return
    world.store.run("update items set recurring = ? where item = ?", now, item["item"])
    changed = sorted({one["account_id"] for one in find(world, item)})
    webhooks.queue(world, item, "TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE", {"account_ids": changed})


def digest(world: World, item: sqlite3.Row) -> str:
    seen = [(one["stream_id"], one["status"], one["transaction_ids"]) for one in find(world, item)]
    return world.mint.digest(json.dumps(seen)).hex()


def find(world: World, item: sqlite3.Row) -> list[dict[str, Any]]:
    """All streams of an item, the newest first."""
    bodies = [wire.loads(one.body or "{}") for one in changelog.live(world.store, item["item"]) if not one.pending]
    if item["username"] == DYNAMIC:
        bodies += _six_months(world, item)
    groups: dict[tuple[Any, ...], list[Body]] = {}
    for body in bodies:
        groups.setdefault(_key(body), []).append(body)
    today = world.clock.today()
    found = [made for key, group in groups.items() if (made := _stream(world, key, group, today))]
    return sorted(found, key=lambda one: (one["last_date"], one["stream_id"]), reverse=True)


def _key(body: Body) -> tuple[Any, ...]:
    currency = body["iso_currency_code"] or body["unofficial_currency_code"]
    return body["account_id"], body.get("merchant_name") or body["name"], currency, body["amount"] < 0


def _stream(world: World, key: tuple[Any, ...], group: list[Body], today: date) -> dict[str, Any] | None:
    group = sorted(group, key=lambda body: str(body["date"]))
    days = [date.fromisoformat(str(body["date"])) for body in group]
    gap = _frequency(days)
    if gap is None or (len(group) == 2 and not _alike(group)):
        return None
    frequency, expected = gap
    silent = (today - days[-1]).days > expected * 1.5
    last = group[-1]
    codes = {name: last[name] for name in ("iso_currency_code", "unofficial_currency_code")}
    return {
        "account_id": key[0],
        "average_amount": {"amount": _mean([body["amount"] for body in group]), **codes},
        "category": None,
        "category_id": None,
        "description": last["name"],
        "first_date": days[0],
        "frequency": frequency,
        "is_active": not silent,
        "is_user_modified": False,
        "last_amount": {"amount": last["amount"], **codes},
        "last_date": days[-1],
        "merchant_name": last.get("merchant_name"),
        "personal_finance_category": last.get("personal_finance_category"),
        "predicted_next_date": None if silent else _next(days[-1], frequency, expected),
        "status": "TOMBSTONED" if silent else "MATURE" if len(group) > 2 else "EARLY_DETECTION",
        "stream_id": world.mint.named("stream", ":".join(map(str, key))),
        "transaction_ids": [body["transaction_id"] for body in group],
    }


def _frequency(days: Sequence[date]) -> tuple[str, int] | None:
    """How often, if regularly at all; a gap twice as long as the others is one that was missed."""
    gaps = [(second - first).days for first, second in itertools.pairwise(days)]
    for name, least, most, expected in _GAPS:
        missed = sum(not least <= gap <= most and 2 * least <= gap <= 2 * most for gap in gaps)
        fits = sum(least <= gap <= most for gap in gaps)
        if gaps and fits + missed == len(gaps) and missed * 4 <= fits:
            return name, expected
    return None


def _alike(group: Sequence[Body]) -> bool:
    first, second = (abs(body["amount"]) for body in group)
    return bool(abs(first - second) <= max(first, second) * _ALIKE)


def _mean(amounts: Iterable[Decimal | int]) -> Decimal:
    listed = [Decimal(amount) for amount in amounts]
    return (sum(listed, Decimal(0)) / len(listed)).quantize(Decimal("0.01"))


def _next(last: date, frequency: str, expected: int) -> date:
    if frequency != "MONTHLY":
        return last + timedelta(days=expected)
    year, month = (last.year, last.month + 1) if last.month < 12 else (last.year + 1, 1)
    return date(year, month, min(last.day, calendar.monthrange(year, month)[1]))


def _six_months(world: World, item: sqlite3.Row) -> list[Body]:
    """The dynamic user has half a year of recurring rows, older than what its transactions show."""
    account_ids = [one["account_id"] for one in world.store.each(
        "select account_id from accounts where item = ? and state = 'open' order by number", item["item"]
    )]  # fmt: skip
    made, day = [], date.fromisoformat(item["created_at"][:10])
    first = day - timedelta(days=30 * _DYNAMIC_MONTHS)
    while first <= day:
        for row in history.calendar_of(first, world.mint.dice("dynamic-recurring", first)):
            if row.account < len(account_ids):
                transaction_id = world.mint.named("dynamic-recurring", f"{item['item_id']}:{first}:{row.description}")
                made.append(rows.body(row, transaction_id, account_ids[row.account]))
        first += timedelta(days=1)
    return made

"""Personas: three months of somebody's life, drawn from personas.json; new rows come only sometimes on a refresh.

Each day is drawn from the seed, the persona and that day alone, so a history is the same however far back it is asked
for. Pure functions; amounts in the file are cents.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from local.plaid import merchants
from local.plaid.custom_user import Account
from local.plaid.rows import Row

DAYS = 90
_PENDING_DAYS = 2
_REFRESH_CHANCE = 0.5
_LIVES: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "personas.json").read_text("utf-8"))
NAMES = tuple(_LIVES)


def accounts(name: str) -> list[Account]:
    """What the persona has at the bank."""
    return [_account(*line) for line in _LIVES[name]["accounts"]]


def _account(*line: Any) -> Account:
    kind, sort, name, official, mask, current, limit = line
    available = Decimal(limit) - Decimal(current) if limit else Decimal(current)
    return Account(
        kind, sort, name, official, mask, Decimal(current), available, Decimal(limit) if limit else None, "USD"
    )


def history(dice_of: Callable[..., Random], name: str, first: date, last: date) -> Iterator[Row]:
    """All rows of the days from first to last, oldest first; the youngest purchases are pending."""
    life, day = _LIVES[name], first
    while day <= last:
        dice = dice_of("persona", name, day.isoformat())
        yield from _planned(life, day, dice)
        yield from _visits(life, day, dice, pending=(last - day).days < _PENDING_DAYS)
        day += timedelta(days=1)


def news(dice: Random, name: str, today: date) -> list[Row]:
    """What a refresh brings: often nothing, else a few pending purchases of today."""
    if dice.random() >= _REFRESH_CHANCE:
        return []
    found: list[Row] = []
    while not found:
        found = list(_visits(_LIVES[name], today, dice, pending=True))
    return found


def _planned(life: dict[str, Any], day: date, dice: Random) -> Iterator[Row]:
    due = [line[1:] for line in life["monthly"] if line[0] == day.day]
    due += [line[1:] for line in life["weekly"] if line[0] == day.weekday()]
    for account, low, high, text, merchant in due:
        amount = Decimal(dice.randint(low, high)).scaleb(-2)
        yield Row(account, amount, text, day, day, merchant=merchant, channel="online" if merchant else "other")


def _visits(life: dict[str, Any], day: date, dice: Random, *, pending: bool) -> Iterator[Row]:
    for chance, account, group in life["daily"]:
        if dice.random() < chance:
            one = dice.choice(merchants.GROUPS[group])
            amount = one.amount(dice)
            posted = day if pending else day + timedelta(days=1)
            later = day + timedelta(days=_PENDING_DAYS) if pending else None
            yield Row(
                account, amount, one.description, posted, day, pending=pending, posts_on=later, merchant=one.name,
                channel=one.channel,
            )  # fmt: skip

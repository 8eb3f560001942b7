"""Merchants that the generated histories and the default purchases are made of; merchants.csv lists them.

Each has the text that a bank would print; the table of keywords gives that text the category that stands here (a test
holds the two together). Amounts are drawn in the currency's smallest unit between the two bounds. Websites are the
merchants' own; there are no logos, since nothing on this machine could serve them.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from local.plaid.currencies import digits


@dataclass(frozen=True, slots=True)
class Merchant:
    """A place where money is spent: what the bank prints, what Plaid calls it, and what a visit costs in cents."""

    name: str
    description: str
    detailed: str
    low: int
    high: int
    channel: str = "in store"
    website: str | None = None

    def amount(self, dice: random.Random, currency: str = "USD") -> Decimal:
        return Decimal(dice.randint(self.low, self.high)).scaleb(-digits(currency))


def _read() -> dict[str, tuple[Merchant, ...]]:
    groups: dict[str, list[Merchant]] = {}
    with (Path(__file__).parent / "merchants.csv").open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            made = Merchant(
                line["name"], line["description"], line["detailed"], int(line["low"]), int(line["high"]),
                line["channel"], line["website"] or None,
            )  # fmt: skip
            groups.setdefault(line["group"], []).append(made)
    return {name: tuple(listed) for name, listed in groups.items()}


GROUPS = _read()
EVERYDAY = tuple(
    one
    for name in ("COFFEE", "LUNCH", "DINNER", "GROCERIES", "RIDES", "SHOPPING", "CARE", "FUN")
    for one in GROUPS[name]
)
EVERYTHING = (*EVERYDAY, *GROUPS["FUEL"], *GROUPS["TRIPS"])
BY_NAME = {one.name: one for listed in GROUPS.values() for one in listed}

"""Many believable rows at once: thousands or a hundred thousand over two years, the same in every run.

A row's JSON is cut once per merchant and account and then only filled in, and rows go to the store in blocks: neither
time nor memory grows beyond the rows themselves. The caller holds the transaction; rows come oldest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from local.plaid import merchants, rows, wire
from local.plaid.changelog import Entry
from local.plaid.currencies import digits
from local.plaid.mint import Mint
from local.plaid.rows import Row

DAYS = 729
REFUNDS = 0.02
_MARKS = ("@amount@", "@authorized@", "@day@", "@id@")


@dataclass(frozen=True, slots=True)
class Target:
    """An account that rows go to."""

    account_id: str
    currency: str


def entries(
    mint: Mint,
    dice: Random,
    targets: Sequence[Target],
    *,
    count: int,
    first: date,
    last: date,
    refunds: float = 0.0,
) -> Iterator[tuple[Entry, date]]:
    """`count` rows from the first day to the last, evenly, over the accounts; each with its day."""
    templates = [[_Template(merchant, target) for merchant in merchants.EVERYTHING] for target in targets]
    span, steps = (last - first).days, max(count - 1, 1)
    for number, transaction_id in enumerate(mint.ids("transaction", count)):
        day = first + timedelta(days=span * number // steps)
        yield dice.choice(dice.choice(templates)).fill(transaction_id, day, dice, refunds), day


class _Template:
    """The JSON of one merchant's rows in one account, cut where rows differ."""

    def __init__(self, merchant: merchants.Merchant, target: Target) -> None:
        self._merchant, self._account_id = merchant, target.account_id
        self._places = digits(target.currency)
        day = date(2000, 1, 1)
        row = Row(
            0, 0, merchant.description, day, day, target.currency, merchant=merchant.name, channel=merchant.channel
        )
        marked = dict(zip(("amount", "authorized_date", "date", "transaction_id"), _MARKS, strict=True))
        self._parts: list[str] = []
        rest = wire.dumps(rows.body(row, "", target.account_id) | marked)
        for mark in _MARKS:
            before, _, rest = rest.partition(f'"{mark}"')
            self._parts.append(before)
        self._parts.append(rest)
        self._original = wire.dumps(merchant.description)

    def fill(self, transaction_id: str, day: date, dice: Random, refunds: float) -> Entry:
        amount = dice.randint(self._merchant.low, self._merchant.high)
        exact = Decimal(-amount if refunds and dice.random() < refunds else amount).scaleb(-self._places)
        head, to_authorized, to_day, to_id, tail = self._parts
        body = f'{head}{exact:f}{to_authorized}"{day}"{to_day}"{day}"{to_id}"{transaction_id}"{tail}'
        return Entry(transaction_id, self._account_id, body, self._original)

"""Likeness: how much a posted row looks like a pending one. Pure; the thresholds are documented in docs/pull.md.

Amount, currency, account and days have to fit before anything is compared (reviews.py asks the database for such
pairs only, of which there are few); what is judged here is the names. The standard library's SequenceMatcher judges
them: see docs/decisions.md.
"""

from __future__ import annotations

import re
from datetime import timedelta
from difflib import SequenceMatcher
from typing import Any

# A posting comes at most this many days after its authorisation.
DAYS = 14
# A tip adds, a partial shipment takes off: the posted amount lies in this band around the pending one.
LEAST_OF_PENDING, MOST_OF_PENDING = "0.95", "1.30"
# Petrol stations and hotels authorise a token amount and post what was taken.
HOLD, HOLD_MOST = "1.00", "250"
# The bank's word for the day of authorisation, where it has one, is nearly that of the pending row.
AUTHORISED_WITHIN = timedelta(days=3)

# However large an update is, a pending row is compared with this many postings, the likest by amount and day.
MOST_COMPARED = 40

LEAST_NAME = 0.6
LEAST_NAME_OF_HOLD = 0.7

# What processors and banks put around a merchant's name.
_NOISE = frozenset(
    ["pos", "purchase", "debit", "card", "visa", "mastercard", "pending", "payment", "auth", "preauth", "hold"]
) | {"tst", "sq", "the", "inc", "llc"}


def likeness(row: Any) -> float | None:
    """0 to 1 for a row of candidates, to three digits; None for one that is not to be asked about."""
    authorised = row.posted_authorized
    if authorised is not None and abs(authorised - row.spent_on) > AUTHORISED_WITHIN:
        return None
    in_band = abs(row.posted_amount) <= abs(row.amount) * 2
    name = _name_likeness((row.merchant_name, row.name), (row.posted_merchant, row.posted_name))
    if name < (LEAST_NAME if in_band else LEAST_NAME_OF_HOLD):
        return None
    amount = 1.0 if row.posted_amount == row.amount else 0.6 if in_band else 0.3
    days: int = (row.posted_date - row.date).days
    return round(0.6 * name + 0.3 * amount + 0.1 * (1 - days / (2 * DAYS)), 3)


def _name_likeness(pending: tuple[str | None, str], posted: tuple[str | None, str]) -> float:
    return max(
        SequenceMatcher(None, one, other, autojunk=False).ratio()
        for one in map(_bare, filter(None, pending))
        for other in map(_bare, filter(None, posted))
    )


def _bare(name: str) -> str:
    """The words that name the merchant: no digits, no signs, no processor; cut, for the matcher is quadratic."""
    words = re.findall(r"[^\W\d_]+", name[:64].casefold())
    return " ".join([word for word in words if word not in _NOISE] or words)

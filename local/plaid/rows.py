"""Rows: what a bank knows of one transaction, before it gets an id; and the body that Plaid would make of it.

Every body carries all keys that Plaid promises. Amounts stay as exact as they came. Pure functions.
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from local.plaid import categories, merchants
from local.plaid.currencies import codes
from local.plaid.mint import base62

Amount = Decimal | int

_LOCATION = ("address", "city", "region", "postal_code", "country", "lat", "lon", "store_number")
_PAYMENT = (
    "reference_number",
    "ppd_id",
    "payee",
    "by_order_of",
    "payer",
    "payment_method",
    "payment_processor",
    "reason",
)
_ICON = "https://plaid-category-icons.plaid.com/PFC_{}.png"
NO_DESCRIPTION = "Transaction"


@dataclass(frozen=True, slots=True)
class Row:
    """One transaction at the bank; positive amounts left the account. `detailed` None asks the table of keywords;
    `posts_on` is when a pending one posts by itself."""

    account: int
    amount: Amount
    description: str
    date: datetime.date
    authorized_date: datetime.date | None = None
    currency: str = "USD"
    pending: bool = False
    merchant: str | None = None
    detailed: str | None = None
    channel: str = "other"
    pending_transaction_id: str | None = None
    posts_on: datetime.date | None = None


def body(row: Row, transaction_id: str, account_id: str) -> dict[str, Any]:
    """The transaction as /transactions/sync shows it, without original_description."""
    found = categories.category(row.detailed) if row.detailed else categories.describe(row.description)
    iso, unofficial = codes(row.currency)
    website = merchants.BY_NAME[row.merchant].website if row.merchant in merchants.BY_NAME else None
    return {
        "account_id": account_id,
        "account_owner": None,
        "amount": row.amount,
        "authorized_date": row.authorized_date,
        "authorized_datetime": None,
        "category": None,
        "category_id": None,
        "check_number": None,
        "counterparties": [_counterparty(row.merchant, website)] if row.merchant else [],
        "date": row.date,
        "datetime": None,
        "iso_currency_code": iso,
        "location": dict.fromkeys(_LOCATION),
        "logo_url": None,
        "merchant_entity_id": entity_id(row.merchant) if row.merchant else None,
        "merchant_name": row.merchant,
        "name": row.merchant or row.description or NO_DESCRIPTION,
        "payment_channel": row.channel,
        "payment_meta": dict.fromkeys(_PAYMENT),
        "pending": row.pending,
        "pending_transaction_id": row.pending_transaction_id,
        "personal_finance_category": found.as_json(),
        "personal_finance_category_icon_url": _ICON.format(found.primary),
        "transaction_code": None,
        "transaction_id": transaction_id,
        "transaction_type": {"online": "digital", "in store": "place"}.get(row.channel, "special"),
        "unofficial_currency_code": unofficial,
        "website": website,
    }


def entity_id(merchant: str) -> str:
    """The same for a merchant everywhere, as Plaid's is."""
    return base62(hashlib.sha256(merchant.encode()).digest(), 37)


def _counterparty(merchant: str, website: str | None) -> dict[str, Any]:
    return {
        "name": merchant,
        "type": "merchant",
        "website": website,
        "logo_url": None,
        "phone_number": None,
        "entity_id": entity_id(merchant),
        "confidence_level": "VERY_HIGH",
    }

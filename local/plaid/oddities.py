"""Rows as banks send them once in a while: strange amounts, currencies, names, and holes in the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ODDITIES: Mapping[str, Mapping[str, Any]] = {
    "sub_cent": {"amount": "10.0215210", "description": "INTEREST EARNED"},
    "tiny": {"amount": "0.00000001", "currency": "BTC", "description": "DUST"},
    "huge": {"amount": "90071992547409.93", "description": "WIRE TRANSFER"},
    "twenty_digits": {"amount": "12345678901234567890", "description": "WIRE TRANSFER"},
    "zero": {"amount": "0", "description": "CARD VERIFICATION"},
    "negative": {"amount": "-25.00", "description": "UNIQLO RETURN"},
    "foreign": {"amount": "12.50", "currency": "EUR", "description": "BOULANGERIE MARAIS"},
    "yen": {"amount": "1500", "currency": "JPY", "description": "RAMEN SHINJUKU"},
    "dinar": {"amount": "1.234", "currency": "KWD", "description": "SOUQ COFFEE"},
    "unofficial": {"amount": "0.01234567", "currency": "BTC", "description": "COIN EXCHANGE"},
    "null_category": {"amount": "3.10", "description": "UNKNOWN", "raw": {"personal_finance_category": None}},
    "missing_category": {"amount": "3.20", "description": "UNKNOWN", "without": ["personal_finance_category"]},
    "unknown_category": {
        "amount": "3.30",
        "description": "MOON CAFE",
        "raw": {
            "personal_finance_category": {
                "primary": "FOOD_AND_DRINK",
                "detailed": "FOOD_AND_DRINK_MOON",
                "confidence_level": "LOW",
                "version": "v2",
            }
        },
    },
    "unknown_enum": {"amount": "3.40", "description": "OWL POST", "raw": {"payment_channel": "by owl"}},
    "unknown_field": {"amount": "3.50", "description": "NEW FIELD", "raw": {"moon_phase": {"name": "full"}}},
    "no_description": {"amount": "3.60", "description": ""},
    "emoji": {"amount": "3.70", "description": "CAFÉ 😀 RIVA 👩‍👩‍👧"},
    "right_to_left": {"amount": "3.80", "description": "مقهى النور"},
    "long": {"amount": "3.90", "description": "A VERY LONG NAME " * 18},
    "nul": {"amount": "4.00", "description": "NUL \u0000 INSIDE"},
    "no_authorized_date": {"amount": "4.10", "description": "CHECK 1042", "authorized_date": None},
    "without_amount": {"amount": "4.20", "description": "BROKEN", "without": ["amount"]},
}
# What a reader must refuse; not part of a flood of all that is merely strange.
BROKEN = ("without_amount",)

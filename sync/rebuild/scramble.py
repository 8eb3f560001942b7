"""The bank's words made nobody's: same shape, same links, no name, number or id of anyone.

Every page is written anew from a list of known fields; what is not on the list is not there. A word becomes another
word of the same length and case, equal words stay equal (so rows that look alike still do); ids stay distinct and
linked. The key is random and thrown away with the object. Pure but for that key: no I/O. Called by incident.py.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Any

from sync.pull.pages import storable
from sync.taxonomy import detailed_codes, primary_codes

Json = Mapping[str, Any]

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 37
_TOKENS = re.compile(r"[^\W_]+|[\W_]", re.DOTALL)
_KEPT_SIGNS = frozenset(" .,-/*#&'()")

_CONFIDENCE = frozenset({"VERY_HIGH", "HIGH", "MEDIUM", "LOW", "UNKNOWN"})
_CHANNELS = frozenset({"online", "in store", "other"})
_TYPES = frozenset({"depository", "credit", "loan", "investment", "brokerage", "payroll", "other"})
_SUBTYPES = frozenset({"checking", "savings", "hsa", "cd", "money market", "paypal", "prepaid", "cash management",
    "ebt", "credit card", "auto", "business", "commercial", "construction", "consumer", "home equity", "line of credit",
    "loan", "mortgage", "overdraft", "student", "401k", "ira", "roth", "brokerage"})  # fmt: skip
_STATUSES = frozenset({"NOT_READY", "INITIAL_UPDATE_COMPLETE", "HISTORICAL_UPDATE_COMPLETE"})
_EXACT = Context(prec=10_000)
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass
class Scrambler:
    """One incident's scrambling: the same word, id or number always becomes the same."""

    hide_amounts: bool = False
    shift_days: int = 0
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def __post_init__(self) -> None:
        self._factor = Decimal(secrets.randbelow(80) + 11) / 10 if self.hide_amounts else Decimal(1)

    def page(self, page: Json, start: str, end: str, number: int) -> dict[str, Any]:
        """A whole page, its cursors and request id replaced by the ones given."""
        status = page["transactions_update_status"]
        return {
            "cursor": start,
            "page": {
                "transactions_update_status": status if status in _STATUSES else "TRANSACTIONS_UPDATE_STATUS_UNKNOWN",
                "accounts": [self.account(account) for account in page["accounts"]],
                "added": [self.row(row) for row in page["added"]],
                "modified": [self.row(row) for row in page["modified"]],
                "removed": [
                    {"transaction_id": self.id(gone["transaction_id"])}
                    | ({"account_id": self.id(gone["account_id"])} if isinstance(gone.get("account_id"), str) else {})
                    for gone in page["removed"]
                ],
                "next_cursor": end,
                "has_more": page["has_more"],
                "request_id": f"replayed-{number}",
            },
        }

    def account(self, account: Json) -> dict[str, Any]:
        """One account of a page."""
        balances = account["balances"]
        return {
            "account_id": self.id(account["account_id"]),
            "persistent_account_id": self.id(account.get("persistent_account_id")),
            "name": self.words(account["name"]),
            "official_name": self.words(account["official_name"]),
            "mask": self.words(account["mask"]),
            "type": self.known(account["type"], _TYPES),
            "subtype": self.known(account["subtype"], _SUBTYPES),
            "balances": {
                **{name: self.amount(balances[name]) for name in ("available", "current", "limit")},
                "iso_currency_code": self.currency(balances["iso_currency_code"]),
                "unofficial_currency_code": self.currency(balances["unofficial_currency_code"]),
            },
        }

    def row(self, row: Json) -> dict[str, Any]:
        """One transaction of a page."""
        category = row.get("personal_finance_category")
        return {
            "transaction_id": self.id(row["transaction_id"]),
            "account_id": self.id(row["account_id"]),
            "amount": self.amount(row["amount"]),
            "iso_currency_code": self.currency(row["iso_currency_code"]),
            "unofficial_currency_code": self.currency(row["unofficial_currency_code"]),
            "date": self.day(row["date"]),
            "authorized_date": self.day(row["authorized_date"]),
            "pending": row["pending"],
            "pending_transaction_id": self.id(row["pending_transaction_id"]),
            "name": self.words(row["name"]),
            "merchant_name": self.words(row.get("merchant_name")),
            "payment_channel": self.known(row.get("payment_channel"), _CHANNELS),
            "personal_finance_category": {
                "primary": self.known(category.get("primary"), primary_codes()),
                "detailed": self.known(category.get("detailed"), detailed_codes()),
                "confidence_level": self.known(category.get("confidence_level"), _CONFIDENCE),
            }
            if category
            else None,
        }

    def ledger_line(self, line: list[Any]) -> list[Any]:
        """One transaction of the ledger's digest, as the ledger will have it that is told the scrambled pages."""
        kind, own, account, amount, iso, unofficial, day, authorized, pending, posts, name, merchant, *more = line
        category, primary, detailed, confidence, channel, live, heir, members = more
        return [
            kind, self.id(own), self.id(account), plain(self.amount(Decimal(amount))), self.currency(iso),
            self.currency(unofficial), self.day(day), self.day(authorized), pending, self.id(posts), self.words(name),
            self.words(merchant), category, self.known(primary, primary_codes()),
            self.known(detailed, detailed_codes()), self.known(confidence, _CONFIDENCE),
            self.known(channel, _CHANNELS), live, self.id(heir),
            sorted(self.id(member) or "" for member in members),
        ]  # fmt: skip

    def id(self, told: str | None) -> str | None:
        """Another id; equal ids stay equal."""
        return None if told is None else self._letters("id", told, [_ALPHABET] * _ID_LENGTH)

    def words(self, told: str | None) -> str | None:
        """Other words of the same shape: letters for letters, digits for digits; other signs but plain ones as #."""
        return None if told is None else _TOKENS.sub(lambda found: self._word(found.group()), storable(told))

    def known(self, told: str | None, values: frozenset[str]) -> str | None:
        """The value itself if everybody knows it, other words if not."""
        return told if told in values else self.words(told)

    def currency(self, told: str | None) -> str | None:
        """A code of three letters as it is."""
        return told if told is None or _CURRENCY.fullmatch(told) else self.words(told)

    def amount(self, told: Any) -> Decimal | None:
        """The amount, by the secret factor if amounts are hidden; exact."""
        return None if told is None else _EXACT.multiply(Decimal(told), self._factor)

    def day(self, told: str | None) -> str | None:
        """The day, moved by so many days."""
        return None if told is None else (date.fromisoformat(told) + timedelta(days=self.shift_days)).isoformat()

    def _word(self, token: str) -> str:
        if not token[0].isalnum():
            return token if token in _KEPT_SIGNS else "#"
        shape = [_alphabet(sign) for sign in token]
        made = self._letters("word", token.casefold(), shape)
        turn = 0
        while made.casefold() == token.casefold():
            turn += 1
            made = self._letters(f"word {turn}", token.casefold(), shape)
        return made

    def _letters(self, kind: str, told: str, shape: list[str]) -> str:
        stream = _stream(self._key, f"{kind}:{told}".encode("utf-8", "surrogatepass"))
        return "".join(alphabet[next(stream) % len(alphabet)] for alphabet in shape)


def plain(amount: Decimal | None) -> str | None:
    """An amount as the ledger's digest writes it: no exponent, no trailing zeros."""
    if amount is None:
        return None
    text = format(abs(amount) if amount == 0 else amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _alphabet(sign: str) -> str:
    if sign.isdecimal() or sign.isdigit():
        return string.digits
    return string.ascii_uppercase if sign.isupper() else string.ascii_lowercase


def _stream(key: bytes, told: bytes) -> Iterator[int]:
    block = 0
    while True:
        digest = hmac.new(key, block.to_bytes(4, "big") + told, hashlib.sha256).digest()
        yield from (int.from_bytes(digest[at : at + 4], "big") for at in range(0, 32, 4))
        block += 1

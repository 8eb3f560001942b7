"""Plaid's pages, read and checked: what the ledger stores of each row, and a digest of the whole object.

Pure: no I/O, no clock. A page is read as it arrives, and again when it is stored from the pages that are kept. One
that breaks Plaid's contract raises PlaidContract before anything is written; no refusal quotes a value. Used by
plaid.py, items.py and kept_pages.py.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any, NamedTuple

import msgspec

from sync.errors import PlaidContract

Json = Mapping[str, Any]

# Rows written under an older shape are written anew when Plaid sends them again: raise it when a column is added.
_SHAPE = b"2:"
_WHOLE_DIGITS, _DECIMALS = 18, 10
_SMALLEST = Decimal(1).scaleb(-_DECIMALS)
_EXACT = Context(prec=10_000)
_KEYS = (
    "transactions_update_status",
    "accounts",
    "added",
    "modified",
    "removed",
    "next_cursor",
    "has_more",
    "request_id",
)
_STATUS = {
    "NOT_READY": "NOT_READY",
    "INITIAL_UPDATE_COMPLETE": "INITIAL",
    "HISTORICAL_UPDATE_COMPLETE": "HISTORICAL",
}


class BankAccount(NamedTuple):
    """An account as Plaid last told it; money exact, in the account's currency."""

    plaid_account_id: str
    persistent_account_id: str | None
    name: str
    official_name: str | None
    mask: str | None
    type: str
    subtype: str | None
    available_balance: Decimal | None
    current_balance: Decimal | None
    credit_limit: Decimal | None
    iso_currency: str | None
    unofficial_currency: str | None


class BankRow(NamedTuple):
    """A transaction as Plaid last told it: the bank's columns of the ledger, money out positive."""

    plaid_transaction_id: str
    plaid_account_id: str
    amount: Decimal
    iso_currency: str | None
    unofficial_currency: str | None
    date: datetime.date
    authorized_date: datetime.date | None
    pending: bool
    pending_transaction_id: str | None
    name: str
    merchant_name: str | None
    bank_category_primary: str | None
    bank_category_detailed: str | None
    bank_category_confidence: str | None
    payment_channel: str | None
    content_sha256: bytes


class BankStream(NamedTuple):
    """A recurring stream as Plaid last told it; money out positive."""

    plaid_stream_id: str
    plaid_account_id: str
    direction: str
    description: str
    merchant_name: str | None
    frequency: str
    status: str
    active: bool
    first_date: datetime.date
    last_date: datetime.date
    next_date: datetime.date | None
    average_amount: Decimal | None
    last_amount: Decimal | None
    iso_currency: str | None
    unofficial_currency: str | None
    category_primary: str | None
    category_detailed: str | None
    rows: int


@dataclass(frozen=True)
class Page:
    """One answer of /transactions/sync. `next_cursor` is "" while Plaid has nothing ready."""

    accounts: list[BankAccount]
    added: list[BankRow]
    modified: list[BankRow]
    removed: list[str]
    next_cursor: str
    has_more: bool
    update_status: str
    request_id: str
    raw: bytes = field(default=b"", repr=False)

    @property
    def rows(self) -> int:
        """How many rows it tells of."""
        return len(self.added) + len(self.modified) + len(self.removed)


@dataclass(frozen=True)
class UnreadPage:
    """A page as it came: parsed, so that the one behind it can be asked for, and not checked yet."""

    body: Any
    raw: bytes = field(repr=False)

    @property
    def follows(self) -> str | None:
        """The cursor that the page behind it has to be asked for with; None if there is none, or no saying."""
        cursor = self.body.get("next_cursor") if self.body.get("has_more") is True else None
        return cursor if isinstance(cursor, str) else None

    def read(self) -> Page:
        """Checks it; raises PlaidContract."""
        return read_page(self.body, self.raw)


def parse_json(text: bytes) -> Any:
    """Parses JSON with exact decimals; raises ValueError for anything else, PlaidContract for NaN and infinities."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # No JSON, or such as only the lenient reader takes: halves of surrogate pairs, a byte order mark.
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number)


def read_page(body: Any, raw: bytes = b"") -> Page:
    """Checks all eight keys and every field the ledger uses; raises PlaidContract naming the first that is wrong.

    `raw` are the bytes that the body was parsed from: they stay with the page, to be kept.
    """
    if not isinstance(body, dict):
        raise PlaidContract("the page is not an object")
    missing = [key for key in _KEYS if key not in body]
    if missing:
        raise PlaidContract(f"the page lacks {', '.join(missing)}")
    if not isinstance(body["has_more"], bool):
        raise PlaidContract("has_more is not true or false")
    return Page(
        accounts=[read_account(account) for account in _objects(body, "accounts")],
        added=[read_row(row) for row in _objects(body, "added")],
        modified=[read_row(row) for row in _objects(body, "modified")],
        removed=[_id(row, "transaction_id") for row in _objects(body, "removed")],
        next_cursor=_word(body, "next_cursor"),
        has_more=body["has_more"],
        update_status=_STATUS.get(_word(body, "transactions_update_status"), "UNKNOWN"),
        request_id=_word(body, "request_id"),
        raw=raw,
    )


def read_account(account: Json) -> BankAccount:
    """Checks one AccountBase; raises PlaidContract."""
    balances = account.get("balances")
    if not isinstance(balances, dict):
        raise PlaidContract("an account has no balances")
    return BankAccount(
        plaid_account_id=_id(account, "account_id"),
        persistent_account_id=_text_or_none(account, "persistent_account_id", required=False),
        name=_text(account, "name"),
        official_name=_text_or_none(account, "official_name"),
        mask=_text_or_none(account, "mask"),
        type=_text(account, "type"),
        subtype=_text_or_none(account, "subtype"),
        available_balance=_money_or_none(balances, "available"),
        current_balance=_money_or_none(balances, "current"),
        credit_limit=_money_or_none(balances, "limit"),
        iso_currency=_text_or_none(balances, "iso_currency_code"),
        unofficial_currency=_text_or_none(balances, "unofficial_currency_code"),
    )


def read_row(transaction: Json) -> BankRow:
    """Checks one transaction; raises PlaidContract."""
    try:
        told = _convert(transaction, _Transaction)
    except msgspec.ValidationError as error:
        raise PlaidContract(str(error)) from None  # it names the field and no value
    if (told.iso_currency_code is None) == (told.unofficial_currency_code is None):
        raise PlaidContract("a transaction has not exactly one currency")
    category = told.personal_finance_category or _NO_CATEGORY
    iso, unofficial, posts, name, merchant, primary, detailed, confidence, channel = _storable(
        told.iso_currency_code,
        told.unofficial_currency_code,
        told.pending_transaction_id,
        told.name,
        told.merchant_name,
        category.primary,
        category.detailed,
        category.confidence_level,
        told.payment_channel,
    )
    return BankRow(  # by place: 500 a page, and names cost as much as the row
        _id(transaction, "transaction_id"),
        _id(transaction, "account_id"),
        _money(transaction, "amount"),
        iso,
        unofficial,
        told.date,
        told.authorized_date,
        told.pending,
        posts,
        name,
        merchant,
        primary,
        detailed,
        confidence,
        channel,
        content_digest(transaction),
    )


class _Category(msgspec.Struct, frozen=True):
    """What the ledger uses of personal_finance_category."""

    primary: str | None = None
    detailed: str | None = None
    confidence_level: str | None = None


class _Transaction(msgspec.Struct, frozen=True):
    """What the ledger uses of a transaction, and of what kind; ids and money are read apart."""

    iso_currency_code: str | None
    unofficial_currency_code: str | None
    date: datetime.date
    authorized_date: datetime.date | None
    pending: bool
    pending_transaction_id: str | None
    name: str
    merchant_name: str | None = None
    payment_channel: str | None = None
    personal_finance_category: _Category | None = None


_NO_CATEGORY = _Category()


def read_stream(stream: Json, direction: str) -> BankStream:
    """Checks one recurring stream; raises PlaidContract."""
    category = stream.get("personal_finance_category") or {}
    average, last = _field(stream, "average_amount"), _field(stream, "last_amount")
    rows = _field(stream, "transaction_ids")
    if not (isinstance(category, dict) and isinstance(average, dict) and isinstance(last, dict)):
        raise PlaidContract("a recurring stream is not of the documented shape")
    if not isinstance(rows, list):
        raise PlaidContract("transaction_ids is not a list")
    return BankStream(
        plaid_stream_id=_id(stream, "stream_id"),
        plaid_account_id=_id(stream, "account_id"),
        direction=direction,
        description=_text(stream, "description"),
        merchant_name=_text_or_none(stream, "merchant_name", required=False),
        frequency=_text(stream, "frequency"),
        status=_text(stream, "status"),
        active=_flag(stream, "is_active"),
        first_date=_date(stream, "first_date"),
        last_date=_date(stream, "last_date"),
        next_date=None if stream.get("predicted_next_date") is None else _date(stream, "predicted_next_date"),
        average_amount=_money_or_none(average, "amount"),
        last_amount=_money_or_none(last, "amount"),
        iso_currency=_text_or_none(average, "iso_currency_code", required=False),
        unofficial_currency=_text_or_none(average, "unofficial_currency_code", required=False),
        category_primary=_text_or_none(category, "primary", required=False),
        category_detailed=_text_or_none(category, "detailed", required=False),
        rows=len(rows),
    )


def content_digest(transaction: Json) -> bytes:
    """SHA-256 of Plaid's whole object in canonical form: equal digests mean there is nothing to write."""
    try:
        canonical = _encode(transaction)
    except UnicodeEncodeError:  # half of a surrogate pair
        canonical = _encode_anything(transaction).encode()
    return hashlib.sha256(_SHAPE + canonical).digest()


_convert = msgspec.convert
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(order="sorted").encode
_encode_anything = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode


# --- one field each; every refusal names the field, never its value (it is personal data) ---


def _field(source: Json, key: str) -> Any:
    if key not in source:
        raise PlaidContract(f"{key} is missing")
    return source[key]


def _objects(source: Json, key: str) -> list[Json]:
    value = _field(source, key)
    if not isinstance(value, list) or not all(isinstance(element, dict) for element in value):
        raise PlaidContract(f"{key} is not a list of objects")
    return value


def _word(source: Json, key: str) -> str:
    value = source.get(key)
    if isinstance(value, str):
        return value
    raise PlaidContract(f"{key} is {'not text' if key in source else 'missing'}")


def _id(source: Json, key: str) -> str:
    value = source.get(key)
    if not isinstance(value, str):
        return _word(source, key)
    if not value or not value.isascii() or not value.isprintable():
        raise PlaidContract(f"{key} is not an id")
    return value


def _text(source: Json, key: str) -> str:
    return storable(_word(source, key))


def _text_or_none(source: Json, key: str, *, required: bool = True) -> str | None:
    value = source.get(key)
    if isinstance(value, str):
        return storable(value)
    if value is None and (not required or key in source):
        return None
    return _word(source, key)


def storable(text: str) -> str:
    """Answers the text without what Postgres cannot hold: NUL, and halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _storable(*texts: str | None) -> Sequence[Any]:
    # Ten a row: what is usual comes first.
    together = "".join(filter(None, texts))
    if together.isascii() and "\0" not in together:
        return texts
    return [text and storable(text) for text in texts]


def _money(source: Json, key: str) -> Decimal:
    value = source.get(key)
    if type(value) is not Decimal:
        value = _whole(source, key)
    amount = value
    if not _fits(amount) or (amount is not (rounded := _rounded(amount)) and not _fits(amount := rounded)):
        raise PlaidContract(f"{key} does not fit numeric(28,10)")
    return amount


def _whole(source: Json, key: str) -> Decimal:
    value = _field(source, key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PlaidContract(f"{key} is not a number")
    return Decimal(value)


def _fits(amount: Decimal) -> bool:
    return amount.is_finite() and amount.adjusted() < _WHOLE_DIGITS


def _rounded(amount: Decimal) -> Decimal:
    """Plaid's numbers are doubles: digits beyond the ledger's last are their noise, no reason to stop an item."""
    return amount if int(amount.as_tuple()[2]) >= -_DECIMALS else amount.quantize(_SMALLEST, context=_EXACT)


def _money_or_none(source: Json, key: str) -> Decimal | None:
    return None if _field(source, key) is None else _money(source, key)


def _date(source: Json, key: str) -> datetime.date:
    value = _word(source, key)
    try:
        if len(value) == 10 and value[4] == value[7] == "-":
            return datetime.date.fromisoformat(value)
    except ValueError:
        pass
    raise PlaidContract(f"{key} is not a date")


def _flag(source: Json, key: str) -> bool:
    value = _field(source, key)
    if not isinstance(value, bool):
        raise PlaidContract(f"{key} is not true or false")
    return value


def _no_number(constant: str) -> Any:
    raise PlaidContract(f"{constant} is not a number")

"""Plaid's custom users: a JSON configuration, given as the password of `user_custom`, becomes accounts and rows.

Tolerant in what the documented schema allows (defaults, unknown extra fields, any number of rows, any date), strict
and clear where it is invalid: the error names the field or the line. An object without one documented field is no
custom user. Parts of the schema that other products use
(identity, income, liability, holdings, inflow_model, mfa) are accepted and have no effect; each is named in a warning.
Nothing is created when anything is wrong.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from local.plaid import rolling, subtypes, wire
from local.plaid.custom_fields import Reader, Unreadable, kind_of
from local.plaid.rows import NO_DESCRIPTION, Amount, Row

MOST_ACCOUNTS = 10
FORCED_ERRORS = frozenset(
    [
        "INSTITUTION_NOT_RESPONDING",
        "INSTITUTION_NO_LONGER_SUPPORTED",
        "INVALID_CREDENTIALS",
        "INVALID_MFA",
        "ITEM_LOCKED",
        "ITEM_LOGIN_REQUIRED",
        "ITEM_NOT_SUPPORTED",
        "INVALID_LINK_TOKEN",
        "MFA_NOT_SUPPORTED",
        "NO_ACCOUNTS",
        "PLAID_ERROR",
        "USER_INPUT_TIMEOUT",
        "USER_SETUP_REQUIRED",
    ]
)
_TOP = ("version", "seed", "override_accounts", "mfa", "recaptcha", "force_error", "roll_dates_forward")
_ACCOUNT = (
    "type", "subtype", "starting_balance", "force_available_balance", "has_null_available_balance", "currency", "meta",
    "numbers", "transactions", "holdings", "investment_transactions", "identity", "liability", "inflow_model", "income",
)  # fmt: skip
_META = ("name", "official_name", "limit", "mask", "apy")
_TRANSACTION = ("date_transacted", "date_posted", "amount", "description", "currency")
_MASK = re.compile(r"[A-Za-z0-9]{2,4}|")


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the bank has it; `account` numbers in rows are positions in the list of these."""

    type: str
    subtype: str | None
    name: str
    official_name: str | None
    mask: str | None
    current: Amount | None
    available: Amount | None
    limit: Amount | None
    currency: str


@dataclass(frozen=True)
class CustomUser:
    """A configuration, read. `accounts` None asks for generated data."""

    accounts: list[Account] | None
    rows: list[Row]
    seed: str | None
    force_error: str | None
    warnings: list[str] = field(default_factory=list)


def read(text: str, today: date) -> CustomUser:
    """Reads a configuration; rows with a posting date after `today` are pending. Raises Unreadable."""
    warnings: list[str] = []
    parsed = _parse(text)
    top = Reader(parsed, "", warnings)
    top.names(_TOP)
    if parsed and not parsed.keys() & set(_TOP):
        raise Unreadable(f"the configuration has no field of a custom user; these are {', '.join(_TOP)}")
    _version(top)
    force = top.choice("force_error", FORCED_ERRORS)
    if top.choice("recaptcha", ("good", "bad")) == "bad":
        force = force or "RECAPTCHA_BAD"
    accounts, rows = _accounts(top, today)
    if top.flag("roll_dates_forward"):
        try:
            rows = rolling.rolled(rows, parsed, today)
        except OverflowError:
            raise top.wrong("roll_dates_forward", "moves a date out of the calendar") from None
    rows = [replace(row, pending=True, posts_on=row.date) if row.date > today else row for row in rows]
    return CustomUser(accounts, rows, top.text("seed"), force, warnings)


def _parse(text: str) -> dict[str, Any]:
    if not text.strip():
        raise Unreadable("the configuration is empty; {} asks for generated data")
    try:
        parsed = wire.loads(text.removeprefix("\ufeff"))
    except RecursionError as error:
        raise Unreadable("the configuration is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise Unreadable(f"the configuration is not JSON: {error}") from error
    except ValueError as error:
        raise Unreadable(f"the configuration has an unusable number: {str(error).split(';')[0]}") from error
    if not isinstance(parsed, dict):
        raise Unreadable(f"the configuration must be an object, not {kind_of(parsed)}")
    return parsed


def _version(top: Reader) -> None:
    if top.value("version") not in (None, 1, 2, "1", "2"):
        raise top.wrong("version", "must be 1 or 2")


def _accounts(top: Reader, today: date) -> tuple[list[Account] | None, list[Row]]:
    listed = top.objects("override_accounts")
    if listed is None:
        return None, []
    if not listed:
        raise top.wrong("override_accounts", "is an empty list of accounts; without this field data is generated")
    if len(listed) > MOST_ACCOUNTS:
        raise top.wrong("override_accounts", f"may hold {MOST_ACCOUNTS} accounts, not {len(listed)}")
    accounts: list[Account] = []
    rows: list[Row] = []
    for number, reader in enumerate(listed):
        reader.names(_ACCOUNT)
        account = _account(reader, number)
        accounts.append(account)
        rows += [_row(line, number, account.currency) for line in reader.objects("transactions") or []]
    return accounts, rows


def _account(reader: Reader, number: int) -> Account:
    kind = reader.choice("type", subtypes.TYPES, required=True)
    assert kind is not None
    sort = reader.text("subtype") or subtypes.DEFAULTS.get(kind)
    if sort is not None and (sort := subtypes.subtype(sort)) is None:
        raise reader.wrong("subtype", "is not a subtype that Plaid documents")
    meta, numbers = reader.object("meta"), reader.object("numbers")
    meta.names(_META)
    current = reader.number("starting_balance")
    current = _default_balance(kind) if current is None else current
    limit = meta.number("limit")
    return Account(
        type="other" if kind == "payroll" else kind,
        subtype=sort,
        name=meta.text("name") or f"Plaid {(sort or kind).title()}",
        official_name=meta.text("official_name"),
        mask=_mask(meta, numbers, number),
        current=current,
        available=_available(reader, kind, current, limit),
        limit=limit,
        currency=reader.currency("currency") or "USD",
    )


def _default_balance(kind: str) -> Amount:
    return Decimal("410.00") if kind == "credit" else Decimal("1000.00")


def _available(reader: Reader, kind: str, current: Amount, limit: Amount | None) -> Amount | None:
    forced, none = reader.number("force_available_balance"), reader.flag("has_null_available_balance")
    if forced is not None and none:
        raise reader.wrong("force_available_balance", "cannot be set together with has_null_available_balance")
    if forced is not None or none:
        return forced
    if kind == "depository":
        return current
    return limit - current if kind == "credit" and limit is not None else None


def _mask(meta: Reader, numbers: Reader, number: int) -> str | None:
    mask = meta.text("mask")
    if mask is not None:
        if not _MASK.fullmatch(mask):
            raise meta.wrong("mask", "must be empty or 2 to 4 letters or digits")
        return mask or None
    account = numbers.text("account")
    if account is None:
        return f"{number * 1111:04d}"
    tail = "".join(letter for letter in account if letter.isascii() and letter.isalnum())[-4:]
    return tail if len(tail) >= 2 else None


def _row(reader: Reader, account: int, currency: str) -> Row:
    reader.names(_TRANSACTION)
    return Row(
        account,
        reader.required_number("amount"),
        reader.text("description") or NO_DESCRIPTION,
        reader.day("date_posted"),
        reader.day("date_transacted"),
        reader.currency("currency") or currency,
    )

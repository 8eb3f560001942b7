"""Rows that the admin API asks for: one purchase, explicit rows, or any number of believable ones.

Amounts may come as JSON numbers or as text; both stay exact. `raw` lays keys over the body that Plaid would show and
`without` leaves keys out: for shapes that the real Plaid sends rarely, and for broken contracts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from local.plaid import accounts, bank, bulk, categories, postings, rows, wire
from local.plaid.changelog import Entry
from local.plaid.currencies import codes, is_code
from local.plaid.errors import PlaidError
from local.plaid.fields import invalid
from local.plaid.rows import Row
from local.plaid.world import World


def money(path: str, value: Any) -> None:
    """Checks an amount: a number, or a text that is one."""
    try:
        if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)) or not Decimal(value).is_finite():
            raise invalid(path, "must be an amount")
    except InvalidOperation:
        raise invalid(path, "must be an amount") from None


def exact(value: Any) -> Decimal | int:
    return Decimal(value) if isinstance(value, str) else value


def currency_code(path: str, value: Any) -> None:
    if not isinstance(value, str) or not is_code(value):
        raise invalid(path, "must be a currency code in upper case")


def detailed_category(path: str, value: Any) -> None:
    try:
        categories.category(value)
    except (KeyError, TypeError):
        raise invalid(path, "must be a detailed personal finance category (v2)") from None


def purchase(world: World, item: sqlite3.Row, ask: Mapping[str, Any]) -> Entry:
    """One row; what the request does not say comes from a believable merchant."""
    account = _account(world, item, ask)
    base = bank.default_purchase(world, ask.get("currency") or accounts.currency(account))
    if "description" in ask:
        base = replace(base, merchant=None, channel="other")
    return _entry(world, account, _row(base, ask), ask)


def explicit(world: World, item: sqlite3.Row, asks: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """Rows exactly as asked for."""
    made = []
    for ask in asks:
        account = _account(world, item, ask)
        base = Row(0, 0, rows.NO_DESCRIPTION, world.clock.today(), None, accounts.currency(account))
        made.append(_entry(world, account, _row(base, ask), ask))
    return made


def generated(world: World, item: sqlite3.Row, ask: Mapping[str, Any]) -> Iterator[tuple[Entry, date]]:
    """`count` believable rows between two days, oldest first; the same in every run."""
    last = date.fromisoformat(ask["last_date"]) if "last_date" in ask else world.clock.today()
    first = date.fromisoformat(ask["first_date"]) if "first_date" in ask else last - timedelta(days=bulk.DAYS)
    if first > last:
        raise invalid("first_date", "must not be after last_date")
    account = _account(world, item, ask)
    dice = world.mint.dice("bulk", item["item_id"], world.store.count_up("bulk"))
    target = bulk.Target(account["account_id"], accounts.currency(account))
    return bulk.entries(world.mint, dice, [target], count=ask["count"], first=first, last=last)


def changed_fields(ask: Mapping[str, Any]) -> dict[str, Any]:
    """The body keys that a /_local/modify request changes."""
    changed: dict[str, Any] = {}
    for name, key in (("description", "name"), ("date", "date"), ("authorized_date", "authorized_date")):
        if name in ask:
            changed[key] = ask[name]
    for name in ("merchant_name", "pending", "pending_transaction_id"):
        if name in ask:
            changed[name] = ask[name]
    if "amount" in ask:
        changed["amount"] = exact(ask["amount"])
    if "currency" in ask:
        changed["iso_currency_code"], changed["unofficial_currency_code"] = codes(ask["currency"])
    if "category" in ask:
        changed["personal_finance_category"] = categories.category(ask["category"]).as_json()
    return changed | dict(ask.get("raw") or {})


def _account(world: World, item: sqlite3.Row, ask: Mapping[str, Any]) -> sqlite3.Row:
    if "account" in ask:
        return accounts.named(world, item["item"], ask["account"])
    return accounts.default_account(world, item["item"])


def _row(base: Row, ask: Mapping[str, Any]) -> Row:
    known = ("description", "currency", "pending", "pending_transaction_id")
    fields = {name: ask[name] for name in known if name in ask}
    if "amount" in ask:
        fields["amount"] = exact(ask["amount"])
    if "merchant_name" in ask:
        fields["merchant"] = ask["merchant_name"]
    if "category" in ask:
        fields["detailed"] = ask["category"]
    if "date" in ask:
        fields["date"] = fields["authorized_date"] = date.fromisoformat(ask["date"])
    if "posts_on" in ask:
        fields["posts_on"] = date.fromisoformat(ask["posts_on"])
    if "authorized_date" in ask:
        fields["authorized_date"] = date.fromisoformat(ask["authorized_date"]) if ask["authorized_date"] else None
    return replace(base, **fields)


def _entry(world: World, account: sqlite3.Row, row: Row, ask: Mapping[str, Any]) -> Entry:
    if not isinstance(ask.get("raw", {}), dict):
        raise invalid("raw", "must be an object")
    transaction_id = world.mint.id("transaction")
    body = rows.body(row, transaction_id, account["account_id"]) | ask.get("raw", {})
    for name in ask.get("without", ()):
        body.pop(name, None)
    if body.get("transaction_id") not in (None, transaction_id):
        raise PlaidError("INVALID_FIELD", "raw must not change transaction_id")
    text = wire.dumps(body)
    if row.posts_on and row.pending:
        postings.note(world, [(transaction_id, account["account_id"], row.posts_on)])
    return Entry(transaction_id, account["account_id"], text, wire.dumps(row.description), row.pending)

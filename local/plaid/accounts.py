"""Accounts: stored as the bodies that Plaid shows; balances do not follow transactions, as in Plaid's Sandbox."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from local.plaid import wire
from local.plaid.currencies import codes
from local.plaid.custom_user import Account
from local.plaid.errors import PlaidError
from local.plaid.institutions import PERSISTENT
from local.plaid.world import World


def store_accounts(world: World, item: sqlite3.Row, accounts: Sequence[Account]) -> list[str]:
    """Writes an item's accounts; answers their ids in order."""
    ids = [world.mint.id("account") for _ in accounts]
    for number, (account_id, account) in enumerate(zip(ids, accounts, strict=True)):
        insert(world, item["item"], number, body(account_id, account, persistent_id(world, item, number, account)))
    return ids


def insert(world: World, item: int, number: int, shown: dict[str, Any], state: str = "open") -> None:
    """Writes one account at its position."""
    sql = "insert into accounts (account_id, item, number, body, state) values (?, ?, ?, ?, ?)"
    world.store.run(sql, shown["account_id"], item, number, wire.dumps(shown), state)


def persistent_id(world: World, item: sqlite3.Row, number: int, account: Account) -> str | None:
    """What a few banks say of an account beyond its id: the same for the same login there, whatever was linked when."""
    if item["institution_id"] not in PERSISTENT:
        return None
    parts = (item["institution_id"], item["username"], number, account.name, account.mask)
    return world.mint.digest(f"persistent:{':'.join(map(str, parts))}").hex()


def body(account_id: str, account: Account, persistent: str | None = None) -> dict[str, Any]:
    """The account as Plaid shows it."""
    iso, unofficial = codes(account.currency)
    shown = {"persistent_account_id": persistent} if persistent else {}
    return shown | {
        "account_id": account_id,
        "balances": {
            "available": account.available,
            "current": account.current,
            "iso_currency_code": iso,
            "limit": account.limit,
            "unofficial_currency_code": unofficial,
        },
        "holder_category": "personal",
        "mask": account.mask,
        "name": account.name,
        "official_name": account.official_name,
        "subtype": account.subtype,
        "type": account.type,
    }


def open_accounts(world: World, item: int, wanted: Sequence[str] | None = None) -> list[wire.Verbatim]:
    """The bodies of an item's open accounts, or of those wanted; raises for one that is not there."""
    sql = "select account_id, body from accounts where item = ? and state = 'open' order by number"
    found = {row["account_id"]: wire.Verbatim(row["body"]) for row in world.store.each(sql, item)}
    if wanted is None:
        if not found:
            raise PlaidError("NO_ACCOUNTS")
        return list(found.values())
    if missing := [account_id for account_id in wanted if account_id not in found]:
        raise PlaidError("INVALID_ACCOUNT_ID", f"failed to find requested account ID: {', '.join(missing)}")
    return [found[account_id] for account_id in wanted]


def default_account(world: World, item: int) -> sqlite3.Row:
    """Where a purchase goes when nobody says: the first depository or credit account, else the first."""
    return pick(world, item, ("depository", "credit"))


def pick(world: World, item: int, types: Sequence[str]) -> sqlite3.Row:
    """The item's first open account of one of the types, else its first."""
    sql = (
        "select *, json_extract(body, '$.type') as type from accounts where item = ? and state = 'open' order by number"
    )
    rows = world.store.all(sql, item)
    if not rows:
        raise PlaidError("NO_ACCOUNTS")
    return next((row for row in rows if row["type"] in types), rows[0])


def by_id(world: World, item: int, account_id: str) -> sqlite3.Row:
    """An open account of the item; raises INVALID_ACCOUNT_ID."""
    sql = "select * from accounts where item = ? and state = 'open' and account_id = ?"
    row = world.store.one(sql, item, account_id)
    if row is None:
        raise PlaidError("INVALID_ACCOUNT_ID")
    return row


def named(world: World, item: int, name: str) -> sqlite3.Row:
    """An open account by id, mask or name, for people; raises INVALID_ACCOUNT_ID."""
    row = world.store.one(
        "select * from accounts where item = ?1 and state = 'open' and (account_id = ?2"
        " or json_extract(body, '$.mask') = ?2 or json_extract(body, '$.name') = ?2)"
        " order by account_id <> ?2, number limit 1",
        item,
        name,
    )
    if row is None:
        raise PlaidError("INVALID_ACCOUNT_ID")
    return row


def currency(account: sqlite3.Row) -> str:
    balances = wire.loads(account["body"])["balances"]
    return str(balances["iso_currency_code"] or balances["unofficial_currency_code"])


def stored(world: World, account_ids: Sequence[str]) -> list[wire.Verbatim]:
    """The bodies of accounts by id, closed ones left out."""
    sql = (
        "select body from accounts where account_id in (select value from json_each(?)) and state = 'open'"
        " order by item, number"
    )
    return [wire.Verbatim(row[0]) for row in world.store.each(sql, json.dumps(list(account_ids)))]

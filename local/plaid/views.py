"""What the admin API shows: items, the bank's truth, calls and webhooks so far.

Reads only; never a token or a secret.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from local.plaid import changelog, wire
from local.plaid.errors import PlaidError
from local.plaid.institutions import ALL
from local.plaid.world import World


def item_of(world: World, ask: Mapping[str, Any]) -> sqlite3.Row:
    """The item that a request names; raises NOT_FOUND or MISSING_FIELDS."""
    if item_id := ask.get("item_id"):
        row = world.store.one("select * from items where item_id = ?", item_id)
    elif user := ask.get("user"):
        row = world.store.one(
            "select * from items where client_user_id = ? and access_token is not null and removed_at is null"
            " order by item desc limit 1",
            user,
        )
    else:
        raise PlaidError("MISSING_FIELDS", "the following required fields are missing: user or item_id")
    if row is None:
        raise PlaidError("NOT_FOUND", "no linked item of that name")
    return row


def list_items(world: World, _ask: dict[str, Any]) -> dict[str, Any]:
    """All items with their accounts; no tokens."""
    return {"items": [_item(world, row) for row in world.store.all("select * from items order by item")]}


def _item(world: World, row: sqlite3.Row) -> dict[str, Any]:
    counts = world.store.one(
        "select count(*), coalesce(sum(pending), 0) from changes"
        " where item = ?1 and next_seq is null and body is not null"
        " and account_id in (select account_id from shared_accounts where item = ?1)",
        row["item"],
    )
    assert counts is not None
    accounts = world.store.each(
        "select account_id, state, body from accounts where item = ? order by number", row["item"]
    )
    shown = ("name", "mask", "type", "subtype", "balances")
    return {
        **{name: row[name] for name in ("item_id", "institution_id", "username", "webhook", "readiness", "error")},
        "institution_name": ALL[row["institution_id"]].name,
        "color": ALL[row["institution_id"]].color,
        "user": row["client_user_id"],
        "linked": row["access_token"] is not None,
        "removed": row["removed_at"] is not None,
        "synced": bool(row["synced"]),
        "changes": row["head"],
        "transactions": counts[0],
        "pending": counts[1],
        "held": world.store.value("select count(*) from held where item = ?", row["item"]),
        "warnings": json.loads(row["warnings"]),
        "accounts": [
            {"account_id": account["account_id"], "closed": account["state"] != "open", "state": account["state"]}
            | {name: wire.loads(account["body"])[name] for name in shown}
            for account in accounts
        ],
    }


def list_transactions(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """What the bank holds right now: every live transaction of an item, oldest change first."""
    item = item_of(world, ask)
    return {"transactions": [wire.Verbatim(entry.body or "") for entry in changelog.live(world.store, item["item"])]}


def list_requests(world: World, _ask: dict[str, Any]) -> dict[str, Any]:
    """The calls to Plaid's endpoints so far, oldest first; no tokens."""
    return {"requests": list(world.requests)}


def list_webhooks(world: World, _ask: dict[str, Any]) -> dict[str, Any]:
    """The webhooks so far: what, where to, how it went."""
    rows = world.store.all("select id, url, body, mode, attempts, state, outcome from outbox order by id")
    return {"webhooks": [dict(row) | {"body": json.loads(row["body"])} for row in rows]}


def health(world: World, _ask: dict[str, Any]) -> dict[str, Any]:
    """Says that it is the stand-in, its day, its clock and its seed."""
    now = {"now": wire.timestamp(world.clock.now()), "rate": world.clock.rate}
    return {"stand_in": "plaid", "today": world.clock.today(), "seed": world.config.seed, **now}

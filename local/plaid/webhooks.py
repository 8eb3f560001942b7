"""Webhook bodies, and the outbox they wait in: written in the transaction of what they tell of, sent after it.

SYNC_UPDATES_AVAILABLE goes only to items whose transactions were synced at least once; the legacy codes go regardless,
as they do at Plaid. An item without a webhook URL gets none.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from local.plaid import wire
from local.plaid.clock import Clock
from local.plaid.errors import PlaidError
from local.plaid.faults import Fault
from local.plaid.world import READINESS, World


def data_changed(world: World, item: sqlite3.Row, *, new: int, removed: Sequence[str]) -> None:
    """Tells of new, changed or removed transactions."""
    sync_updates(world, item)
    queue(world, item, "TRANSACTIONS", "DEFAULT_UPDATE", {"error": None, "new_transactions": new})
    if removed:
        extra = {"error": None, "removed_transactions": list(removed)}
        queue(world, item, "TRANSACTIONS", "TRANSACTIONS_REMOVED", extra)


def sync_updates(world: World, item: sqlite3.Row) -> bool:
    """Queues SYNC_UPDATES_AVAILABLE if the item was ever synced; answers whether it was."""
    row = world.store.one("select synced, readiness from items where item = ?", item["item"])
    if row is None or not row["synced"]:
        return False
    stage = READINESS.index(row["readiness"])
    extra = {"initial_update_complete": stage >= 1, "historical_update_complete": stage >= 2}
    return queue(world, item, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE", extra)


def ready(world: World, item: sqlite3.Row, code: str, count: int) -> None:
    """Queues INITIAL_UPDATE or HISTORICAL_UPDATE."""
    queue(world, item, "TRANSACTIONS", code, {"error": None, "new_transactions": count})


def item_error(world: World, item: sqlite3.Row, error: PlaidError, code: str = "ERROR") -> bool:
    """Queues an ITEM webhook that carries an error."""
    return queue(world, item, "ITEM", code, {"error": error.body() | {"status": error.status}})


def fire(world: World, item: sqlite3.Row, kind: str | None, code: str, options: dict[str, Any]) -> bool:
    """Fires a webhook without any change behind it, as /sandbox/item/fire_webhook does."""
    if not item["webhook"]:
        raise PlaidError("SANDBOX_WEBHOOK_INVALID")
    if code == "SYNC_UPDATES_AVAILABLE":
        return sync_updates(world, item)
    if code not in _FIRED:
        raise PlaidError("UNIMPLEMENTED", f"firing {code} is not part of the stand-in")
    own_kind = _FIRED[code]
    if kind not in (None, own_kind):
        raise PlaidError("INVALID_FIELD", f"webhook_type must be {own_kind} for {code}")
    return queue(world, item, own_kind, code, _extra(world, item, code, options))


_FIRED = {
    "DEFAULT_UPDATE": "TRANSACTIONS",
    "RECURRING_TRANSACTIONS_UPDATE": "TRANSACTIONS",
    "LOGIN_REPAIRED": "ITEM",
    "NEW_ACCOUNTS_AVAILABLE": "ITEM",
    "PENDING_DISCONNECT": "ITEM",
    "USER_PERMISSION_REVOKED": "ITEM",
    "USER_ACCOUNT_REVOKED": "ITEM",
}


def _extra(world: World, item: sqlite3.Row, code: str, options: dict[str, Any]) -> dict[str, Any]:
    accounts = [row[0] for row in world.store.each("select account_id from accounts where item = ?", item["item"])]
    if code == "DEFAULT_UPDATE":
        return {"error": None, "new_transactions": options.get("new_transactions", 0)}
    if code == "RECURRING_TRANSACTIONS_UPDATE":
        return {"account_ids": accounts}
    if code == "PENDING_DISCONNECT":
        cut = wire.timestamp(world.clock.now() + timedelta(days=7))
        return {"reason": "INSTITUTION_MIGRATION", "disconnect_time": cut}
    if code == "USER_PERMISSION_REVOKED":
        error = PlaidError("USER_PERMISSION_REVOKED")
        return {"error": error.body() | {"status": error.status}}
    if code == "USER_ACCOUNT_REVOKED":
        return {"account_id": accounts[0]}
    return {"error": None} if code == "NEW_ACCOUNTS_AVAILABLE" else {}


def queue(
    world: World, item: sqlite3.Row, kind: str, code: str, extra: dict[str, Any], *, url: str | None = None
) -> bool:
    """Puts a webhook into the outbox; answers whether the item has an address to send it to."""
    address = url or world.store.value("select webhook from items where item = ?", item["item"])
    if not address:
        return False
    shown = {
        "environment": "sandbox",
        **extra,
        "item_id": item["item_id"],
        "webhook_code": code,
        "webhook_type": kind,
    }
    _insert(world, item, code, address, json.dumps(shown, indent=2))
    last = json.dumps({"sent_at": wire.timestamp(world.clock.now()), "code_sent": code})
    world.store.run("update items set last_webhook = ? where item = ?", last, item["item"])
    return True


def queue_link(world: World, url: str, code: str, extra: dict[str, Any]) -> None:
    """Puts a webhook of a Link session into the outbox; it belongs to no item."""
    shown = {"environment": "sandbox", **extra, "webhook_code": code, "webhook_type": "LINK"}
    _insert(world, None, code, url, json.dumps(shown, indent=2))


def _insert(world: World, item: sqlite3.Row | None, code: str, url: str, body: str) -> None:
    fault = world.faults.strike_webhook(item["item_id"] if item else None, code) or _by_chance(world)
    mode = fault.fault if fault else None
    if mode == "webhook_drop":
        return
    state = "held" if mode == "webhook_reorder" else "due"
    now = Clock.machine_seconds() + (fault.seconds if fault and mode == "webhook_delay" else 0)
    sql = "insert into outbox (item, url, body, mode, due_at, state) values (?, ?, ?, ?, ?, ?)"
    number = item["item"] if item else None
    world.store.run(sql, number, url, body, mode, now, state)
    for _ in range(fault.copies if fault and mode == "webhook_duplicate" else 0):
        world.store.run(sql, number, url, body, None, now, state)


def _by_chance(world: World) -> Fault | None:
    """What the knobs let happen to a webhook now and then: drawn from their seed, the same in every run."""
    knobs = world.knobs
    if not knobs.webhook_chances:
        return None
    dice = world.mint.dice("webhook-chance", knobs.webhook_seed, world.store.count_up("webhook-chance"))
    for name in ("drop", "duplicate", "reorder", "delay"):
        if dice.random() < knobs.webhook_chances.get(name, 0):
            return Fault(f"webhook_{name}", seconds=dice.uniform(0, knobs.webhook_delay))
    return None

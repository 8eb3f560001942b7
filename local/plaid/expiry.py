"""Logins and consents run out: after 30 days in the Sandbox, when a consent ends, when a bank announced to disconnect.

EU and UK banks have a consent of 180 days: PENDING_EXPIRATION comes seven days before its end. A US bank announces by
PENDING_DISCONNECT. Either ends in ITEM_LOGIN_REQUIRED, which update mode heals and whose terms then start anew. The
caller holds the transaction.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from local.plaid import items, webhooks, wire
from local.plaid.world import World

NOTICE = timedelta(days=7)


def announce_disconnect(world: World, item: sqlite3.Row, days: int, reason: str) -> str:
    """The bank will disconnect in some days: PENDING_DISCONNECT goes out now; answers when."""
    at = wire.timestamp(world.clock.now() + timedelta(days=days))
    world.store.run("update items set disconnect_at = ? where item = ?", at, item["item"])
    webhooks.queue(world, item, "ITEM", "PENDING_DISCONNECT", {"reason": reason, "disconnect_time": at})
    return at


def limit_consent(world: World, item: sqlite3.Row, days: int) -> str:
    """The consent ends in some days; PENDING_EXPIRATION goes out now if that is within a week. Answers when."""
    at = wire.timestamp(world.clock.now() + timedelta(days=days))
    world.store.run("update items set consent_until = ?, consent_told = 0 where item = ?", at, item["item"])
    pass_by(world, items.by_number(world, item["item"]), world.clock.now())
    return at


def pass_by(world: World, item: sqlite3.Row, now: datetime) -> None:
    """What runs out up to a moment, and what is announced; nothing for an item that is broken already."""
    if item["error"]:
        return
    if _over(item["consent_until"], now):
        items.break_with(world, item, "ITEM_LOGIN_REQUIRED", reason="OAUTH_CONSENT_EXPIRED")
    elif _over(item["disconnect_at"], now) or (
        world.knobs.login_days is not None and _over(_login_until(world, item), now)
    ):
        items.break_with(world, item, "ITEM_LOGIN_REQUIRED")
    elif item["consent_until"] and not item["consent_told"] and _over(item["consent_until"], now + NOTICE):
        world.store.run("update items set consent_told = 1 where item = ?", item["item"])
        told = {"consent_expiration_time": item["consent_until"]}
        webhooks.queue(world, item, "ITEM", "PENDING_EXPIRATION", told)


def _login_until(world: World, item: sqlite3.Row) -> str:
    began = datetime.fromisoformat(item["signed_in_at"] or item["created_at"])
    return wire.timestamp(began + timedelta(days=world.knobs.login_days or 0))


def _over(moment: str | None, now: datetime) -> bool:
    return moment is not None and datetime.fromisoformat(moment) <= now

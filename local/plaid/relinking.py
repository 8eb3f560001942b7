"""Linking the same login again: new item, account and transaction ids, but the same accounts and rows as before.

A bank does not forget what happened when an item is removed. When the same user signs in to the same bank with the same
credentials once more, the new item starts from what the newest earlier one holds, shared or not. The caller holds the
transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from local.plaid import accounts, bank, changelog, postings, wire
from local.plaid.changelog import Entry
from local.plaid.users import Profile
from local.plaid.world import World

Kept = list[tuple[Entry, date]]


@dataclass(frozen=True)
class Copy:
    """An earlier item's accounts and rows under new ids, and by the ids they had."""

    rows: Kept
    old_ids: dict[str, str]


def login(world: World, institution_id: str, username: str, password: str) -> str:
    """What tells one login at a bank from another; not the password."""
    return world.mint.digest(f"login:{institution_id}:{username}:{password}").hex()


def earlier(world: World, login: str, client_user_id: str | None) -> sqlite3.Row | None:
    """The newest item that the same user made with the same login, removed or not."""
    sql = "select * from items where login = ? and client_user_id = ? order by item desc limit 1"
    return world.store.one(sql, login, client_user_id)


def copy(world: World, item: sqlite3.Row, before: sqlite3.Row, owned: Profile) -> Copy:
    """Writes the accounts of an earlier item for a new one, and answers its rows, oldest first."""
    found = world.store.all("select * from accounts where item = ? order by number, rowid", before["item"])
    newest = {row["number"]: row for row in found if row["state"] not in ("churned", "closed")}
    moved: dict[str, str] = {}
    for row in newest.values():
        moved[row["account_id"]] = world.mint.id("account")
        body = wire.loads(row["body"]) | {"account_id": moved[row["account_id"]]}
        accounts.insert(world, item["item"], row["number"], body)
    numbers = {row["number"]: moved[row["account_id"]] for row in newest.values()}
    first = world.clock.today() - timedelta(days=item["days_requested"])
    rows, old_ids = _copied(world, before, moved, first if owned.life else date.min)
    return Copy([*_older(world, before, owned, numbers), *rows], old_ids)


def _copied(world: World, before: sqlite3.Row, moved: dict[str, str], first: date) -> tuple[Kept, dict[str, str]]:
    found = [(one, bank.read(one)) for one in _all_of(world, before) if one.account_id in moved]
    found = sorted((pair for pair in found if day_of(pair[1]) >= first), key=lambda pair: str(pair[1]["date"]))
    entries = [one for one, _ in found]
    ids = dict(zip((one.transaction_id for one in entries), world.mint.ids("transaction", len(entries)), strict=True))
    postings.copy(world, ids, moved)
    made: Kept = []
    for one, read in found:
        body = read | {"transaction_id": ids[one.transaction_id], "account_id": moved[one.account_id]}
        body["pending_transaction_id"] = None
        entry = Entry(body["transaction_id"], body["account_id"], wire.dumps(body), one.original, one.pending)
        made.append((entry, day_of(body)))
    return made, ids


def _all_of(world: World, before: sqlite3.Row) -> Sequence[Entry]:
    """What the bank has: delivered, or still held back."""
    held = world.store.all("select * from held where item = ? order by number", before["item"])
    waiting = [
        Entry(row["transaction_id"], row["account_id"], row["body"], row["original"], bool(row["pending"]))
        for row in held
    ]
    return [*changelog.live_of(world.store, before["item"]), *waiting]


def _older(world: World, before: sqlite3.Row, owned: Profile, numbers: dict[int, str]) -> Kept:
    """Generated rows from before the earlier item's history began, when more days are asked for than then."""
    if not owned.life:
        return []
    began = date.fromisoformat(before["created_at"][:10]) - timedelta(days=before["days_requested"])
    rows = [row for row in owned.rows if (row.authorized_date or row.date) < began and row.account in numbers]
    entries = bank.entries(world, [(row, numbers[row.account]) for row in rows])
    return list(zip(entries, [row.authorized_date or row.date for row in rows], strict=True))


def day_of(body: dict[str, Any]) -> date:
    """The day that a row happened on."""
    return date.fromisoformat(body.get("authorized_date") or body["date"])

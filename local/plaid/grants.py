"""What becomes of accounts: the bank closes or offers one, the user shares or stops sharing one, an id churns.

States: `open`; `offered` (at the bank, not shared yet); `deselected` and `revoked` (no longer shared: Plaid shows
neither the account nor its rows); `closed` (gone from /accounts/get, its rows stay); `churned` (the same account goes
on under a new id). An account that is shared again comes back under a new id, its rows under new ids. The caller holds
the transaction and rings `world.wake` after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from local.plaid import accounts, bank, bulk, changelog, postings, webhooks, wire
from local.plaid.changelog import Entry
from local.plaid.custom_user import Account
from local.plaid.errors import PlaidError
from local.plaid.world import World

_HIDDEN = ("offered", "deselected", "revoked")


def close(world: World, item: sqlite3.Row, account: sqlite3.Row) -> None:
    """The bank closes an account: it is absent from /accounts/get from now on. Plaid tells of it by no webhook."""
    _set(world, account["account_id"], "closed")
    changelog.bump(world.store, item["item"])


def revoke(world: World, item: sqlite3.Row, account: sqlite3.Row) -> None:
    """The user takes the permission for one account back at the bank: USER_ACCOUNT_REVOKED goes out."""
    _set(world, account["account_id"], "revoked")
    changelog.bump(world.store, item["item"])
    webhooks.queue(world, item, "ITEM", "USER_ACCOUNT_REVOKED", {"account_id": account["account_id"]})


def churn(world: World, item: sqlite3.Row, account: sqlite3.Row, *, notify: bool = True) -> str:
    """Plaid loses track of an account: the same name and mask under a new id, its rows removed and added anew."""
    new_id = _again(world, account)
    _set(world, account["account_id"], "churned")
    entries = [one for one in changelog.live(world.store, item["item"]) if one.account_id == account["account_id"]]
    gone = [Entry(one.transaction_id, one.account_id, None) for one in entries]
    changelog.append(world.store, item["item"], [*gone, *_moved(world, entries, new_id)])
    removed = [one.transaction_id for one in entries]
    bank.tell(world, item, new=len(entries), removed=removed, notify=notify)
    return new_id


def offer(world: World, item: sqlite3.Row, account: Account, rows: int) -> str:
    """A new account at the bank, with rows of the last month, not shared yet: NEW_ACCOUNTS_AVAILABLE goes out."""
    number = int(world.store.value("select max(number) + 1 from accounts where item = ?", item["item"]))
    account_id = world.mint.id("account")
    body = accounts.body(account_id, account, accounts.persistent_id(world, item, number, account))
    accounts.insert(world, item["item"], number, body, state="offered")
    last = world.clock.today()
    dice = world.mint.dice("offer", account_id)
    target = bulk.Target(account_id, account.currency)
    first = last - timedelta(days=29)
    bank.hold(world, item["item"], bulk.entries(world.mint, dice, [target], count=rows, first=first, last=last))
    webhooks.queue(world, item, "ITEM", "NEW_ACCOUNTS_AVAILABLE", {"error": None})
    return account_id


def choices(world: World, item: int, *, all_of_them: bool) -> list[sqlite3.Row]:
    """What the user may share, by position: the accounts as they stand, those not shared included if asked."""
    rows = world.store.all("select * from accounts where item = ? order by number, rowid", item)
    newest = {row["number"]: row for row in rows if row["state"] != "churned"}
    return [row for row in newest.values() if row["state"] == "open" or (all_of_them and row["state"] in _HIDDEN)]


def select(world: World, item: sqlite3.Row, wanted: Sequence[str]) -> None:
    """The user shares exactly these accounts from now on, each named by id, mask or name. The caller delivers what was
    held. Raises INVALID_ACCOUNT_ID."""
    offered = choices(world, item["item"], all_of_them=True)
    chosen = pick(offered, wanted)
    for row in offered:
        if row["state"] == "open" and row["account_id"] not in chosen:
            _set(world, row["account_id"], "deselected")
        elif row["state"] == "offered" and row["account_id"] in chosen:
            _set(world, row["account_id"], "open")
        elif row["state"] in ("deselected", "revoked") and row["account_id"] in chosen:
            _share_again(world, item, row)
    changelog.bump(world.store, item["item"])


def pick(offered: Sequence[sqlite3.Row], wanted: Sequence[str]) -> set[str]:
    """The ids of accounts named by id, mask or name; raises INVALID_ACCOUNT_ID for one that is not there."""
    chosen = set()
    for name in wanted:
        found = [row["account_id"] for row in offered if name in _names(row)]
        if not found:
            raise PlaidError("INVALID_ACCOUNT_ID", f"failed to find requested account ID: {name}")
        chosen.add(found[0])
    if not chosen:
        raise PlaidError("NO_ACCOUNTS")
    return chosen


def keep_only(world: World, item: int, wanted: Collection[str]) -> None:
    """A fresh item of which only these accounts are shared; the others stay offered."""
    offered = choices(world, item, all_of_them=False)
    chosen = pick(offered, list(wanted))
    for row in offered:
        if row["account_id"] not in chosen:
            _set(world, row["account_id"], "offered")


def _names(row: sqlite3.Row) -> tuple[Any, ...]:
    body = wire.loads(row["body"])
    return row["account_id"], str(row["number"]), body["mask"], body["name"]


def _set(world: World, account_id: str, state: str) -> None:
    world.store.run("update accounts set state = ? where account_id = ?", state, account_id)


def _again(world: World, account: sqlite3.Row) -> str:
    """The same account under a new id, what is held for it included."""
    new_id = world.mint.id("account")
    body = wire.loads(account["body"]) | {"account_id": new_id}
    accounts.insert(world, account["item"], account["number"], body)
    for row in world.store.all("select item, number, body from held where account_id = ?", account["account_id"]):
        text = wire.dumps(wire.loads(row["body"]) | {"account_id": new_id})
        sql = "update held set account_id = ?, body = ? where item = ? and number = ?"
        world.store.run(sql, new_id, text, row["item"], row["number"])
    postings.follow(world, account["account_id"], new_id)
    return new_id


def _moved(world: World, entries: Sequence[Entry], account_id: str) -> list[Entry]:
    """The same rows in another account, under ids of their own."""
    ids = dict(zip((one.transaction_id for one in entries), world.mint.ids("transaction", len(entries)), strict=True))
    postings.copy(world, ids, {one.account_id: account_id for one in entries})
    postings.forget(world, ids)
    moved = []
    for one in entries:
        body = bank.read(one)
        body |= {"transaction_id": ids[one.transaction_id], "account_id": account_id}
        body["pending_transaction_id"] = ids.get(body.get("pending_transaction_id") or "")
        moved.append(Entry(body["transaction_id"], account_id, wire.dumps(body), one.original, one.pending))
    return moved


def _share_again(world: World, item: sqlite3.Row, account: sqlite3.Row) -> None:
    """A de-selected or revoked account comes back under a new id, its rows under new ids."""
    new_id = _again(world, account)
    old = changelog.live_of(world.store, item["item"], account["account_id"])
    changelog.append_new(world.store, item["item"], _moved(world, old, new_id))

"""Recorded pages: an item may answer /transactions/sync from a list of raw pages instead of from its log.

Pages are served cursor by cursor: the first to `cursor` (the beginning if none is given), each next one to the
`next_cursor` before it; a page wrapped as `{"cursor": ..., "page": ...}` says itself what it answers. Several pages for
one cursor are served in order, the last one again and again; a restart begins anew. A page with an `error_code` is
answered as that error, with `status`. After the end there is nothing new. The caller holds the transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from local.plaid import views, webhooks, wire
from local.plaid.errors import PlaidError
from local.plaid.fields import invalid
from local.plaid.world import READINESS, World

_EMPTY: dict[str, Any] = {"accounts": [], "added": [], "modified": [], "removed": [], "has_more": False}


def load(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Lets an item answer /transactions/sync from these raw `pages`, from its log again with none; `append` adds them
    to those it has. SYNC_UPDATES_AVAILABLE goes out unless `notify` is false."""
    item = views.item_of(world, ask)
    if not ask.get("append"):
        world.store.run("delete from replays where item = ?", item["item"])
        world.replayed -= {one for one in world.replayed if one[0] == item["item"]}
    last = world.store.one("select * from replays where item = ? order by number desc limit 1", item["item"])
    number, cursor = (last["number"] + 1, last["next_cursor"]) if last else (0, ask.get("cursor", ""))
    for index, given in enumerate(ask["pages"]):
        if not isinstance(given, dict):
            raise invalid(f"pages[{index}]", "must be an object")
        asked, page = (given["cursor"], given["page"]) if "page" in given else (cursor, given)
        if "error_code" not in page and not isinstance(page.get("next_cursor"), str):
            raise invalid(f"pages[{index}]", "must have a next_cursor, or an error_code")
        cursor = page.get("next_cursor", cursor)
        sql = "insert into replays values (?, ?, ?, ?, ?)"
        world.store.run(sql, item["item"], number + index, asked, cursor, wire.dumps(page))
    if ask.get("notify", True):
        webhooks.sync_updates(world, item)
    count = world.store.value("select count(*) from replays where item = ?", item["item"])
    return {"item_id": item["item_id"], "pages": count}


def page(world: World, item: sqlite3.Row, cursor: str) -> dict[str, Any] | None:
    """The recorded answer to a cursor; None for an item that answers from its log. Raises a recorded error."""
    rows = world.store.all("select * from replays where item = ? and cursor = ? order by number", item["item"], cursor)
    if not rows:
        return _after(world, item, cursor)
    row = next((one for one in rows if (item["item"], one["number"]) not in world.replayed), rows[-1])
    world.replayed.add((item["item"], row["number"]))
    recorded: dict[str, Any] = wire.loads(row["body"])
    if code := recorded.get("error_code"):
        raise PlaidError(
            code, recorded.get("error_message"), type=recorded.get("error_type"), status=recorded.get("status")
        )
    return recorded


def _after(world: World, item: sqlite3.Row, cursor: str) -> dict[str, Any] | None:
    last = world.store.one("select * from replays where item = ? order by number desc limit 1", item["item"])
    if last is None:
        return None
    if cursor != last["next_cursor"]:
        raise PlaidError("INVALID_FIELD", "cursor not associated with access_token")
    return _EMPTY | {"next_cursor": cursor, "transactions_update_status": READINESS[2]}


def accounts(world: World, item: int) -> Sequence[dict[str, Any]]:
    """The accounts that the recorded pages name, the last word on each; none for an item that answers from its log."""
    found: dict[str, dict[str, Any]] = {}
    for row in world.store.each("select body from replays where item = ? order by number", item):
        found |= {one["account_id"]: one for one in wire.loads(row["body"]).get("accounts", ())}
    return list(found.values())

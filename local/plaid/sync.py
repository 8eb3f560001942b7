"""/transactions/sync: pages of net effects behind an authenticated cursor.

The first call of an update freezes the window; pages walk through it. Whatever changes the item's log while a window
is open makes every cursor inside it answer the mutation error: only the cursor that the update started with works on.
Asking again with the same cursor gives the same answer. A read, apart from noting that the item was synced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from local.plaid import accounts, bank, changelog, cursor, items, personas, replay, users
from local.plaid.changelog import Effect
from local.plaid.cursor import Cursor, ForeignCursor
from local.plaid.errors import PlaidError
from local.plaid.wire import Verbatim
from local.plaid.world import READINESS, World

DEFAULT_COUNT = 100
_KEY = "cursor-key"


def sync(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Answers one page."""
    item = items.by_access_token(world, ask["access_token"], healthy=True)
    options = ask.get("options") or {}
    if options.get("personal_finance_category_version", "v2") != "v2":
        raise PlaidError("UNIMPLEMENTED", "personal_finance_category_version v1 is not part of the stand-in")
    if account_id := options.get("account_id"):
        accounts.by_id(world, item["item"], account_id)
    world.store.run("update items set synced = 1 where item = ? and synced = 0", item["item"])
    if (recorded := replay.page(world, item, ask.get("cursor", ""))) is not None:
        return recorded
    if item["readiness"] == READINESS[0]:
        return _answer(world, item, [], "", has_more=False, original=False)
    at = _position(world, item, ask.get("cursor", ""), account_id)
    return _page(world, item, at, ask)


def page_number(world: World, item: sqlite3.Row, text: str, account_id: str | None) -> int:
    """Which page of an update a call with this cursor asks for, from 1; for the fault knobs."""
    try:
        return cursor.decode(text, _stream(item, account_id), world.mint.digest(_KEY)).page + 1 if text else 1
    except ForeignCursor:
        return 1


def _position(world: World, item: sqlite3.Row, text: str, account_id: str | None) -> Cursor:
    if text == "":
        return Cursor(0)
    if text == "now":
        return Cursor(item["head"])
    try:
        at = cursor.decode(text, _stream(item, account_id), world.mint.digest(_KEY))
    except ForeignCursor:
        raise PlaidError("INVALID_FIELD", "cursor not associated with access_token") from None
    if max(at.low, at.high) > item["head"]:
        raise PlaidError("INVALID_FIELD", "cursor not associated with access_token")
    if at.is_open and at.high != item["head"]:
        raise PlaidError("TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION")
    return at


def _page(world: World, item: sqlite3.Row, at: Cursor, ask: dict[str, Any]) -> dict[str, Any]:
    options, count = ask.get("options") or {}, ask.get("count", DEFAULT_COUNT)
    count = min(count, world.knobs.page_size or count)
    account_id = options.get("account_id")
    window = at if at.is_open else Cursor(at.low, item["head"], at.low)
    found = changelog.effects(
        world.store,
        item["item"],
        low=window.low,
        high=window.high,
        position=window.position,
        count=count + 1,
        account_id=account_id,
    )
    if ask.get("split"):
        count = _before_the_additions(found, count)
    shown, has_more = found[:count], len(found) > count
    after = replace(window, position=shown[-1].seq, page=at.page + 1) if has_more else Cursor(window.high)
    text = cursor.encode(after, _stream(item, account_id), world.mint.digest(_KEY))
    original = bool(options.get("include_original_description"))
    return _answer(world, item, shown, text, has_more=has_more, original=original)


def _before_the_additions(found: Sequence[Effect], count: int) -> int:
    """Where a page ends that holds the removal of a pending row, but not what was posted in its place."""
    first = next((number for number, effect in enumerate(found[:count]) if effect.body is None), None)
    return count if first is None else first + 1


def _answer(
    world: World, item: sqlite3.Row, shown: Sequence[Effect], text: str, *, has_more: bool, original: bool
) -> dict[str, Any]:
    touched = list(dict.fromkeys(effect.account_id for effect in shown))
    return {
        "accounts": accounts.stored(world, touched),
        "added": [_body(effect, original) for effect in shown if effect.body and not effect.existed],
        "modified": [_body(effect, original) for effect in shown if effect.body and effect.existed],
        "removed": [
            {"account_id": effect.account_id, "transaction_id": effect.transaction_id}
            for effect in shown
            if effect.body is None
        ],
        "next_cursor": text,
        "has_more": has_more,
        "transactions_update_status": item["readiness"],
    }


def _body(effect: Effect, original: bool) -> Verbatim:
    assert effect.body is not None
    if not original:
        return Verbatim(effect.body)
    return Verbatim(f'{effect.body[:-1]},"original_description":{effect.original or "null"}}}')


def _stream(item: sqlite3.Row, account_id: str | None) -> str:
    return f"{item['item_id']}/{account_id or ''}"


def refresh(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """/transactions/refresh: only the dynamic user's bank always has something new to tell, a persona's sometimes."""
    item = items.by_access_token(world, ask["access_token"], healthy=True)
    if item["readiness"] != READINESS[0]:
        if item["username"] == users.DYNAMIC:
            bank.refresh_dynamic(world, item)
        elif item["username"] in personas.NAMES:
            bank.refresh_persona(world, item)
    return {}


def mutate(world: World, item: sqlite3.Row) -> None:
    """Touches the item's newest transaction, as a bank does while somebody is paging: open windows die of it."""
    sql = (
        "select transaction_id from changes where item = ? and next_seq is null and body is not null order by seq desc"
    )
    if transaction_id := world.store.value(sql + " limit 1", item["item"]):
        bank.modify(world, transaction_id, {}, notify=False)

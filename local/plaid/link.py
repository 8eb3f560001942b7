"""Link: tokens that open it, and what the bank picker (or a script without a browser) does with one.

The picker page and headless callers use the same three steps: look at the session, sign in to see the accounts,
connect. In update mode connecting heals the item, which keeps its id and its access token.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from typing import Any

from local.plaid import items, wire
from local.plaid.custom_user import Account
from local.plaid.errors import PlaidError
from local.plaid.institutions import ALL
from local.plaid.users import check_password
from local.plaid.world import World

_LIFE, _UPDATE_LIFE = timedelta(hours=4), timedelta(minutes=30)


def create_token(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """/link/token/create."""
    item = None
    if access_token := ask.get("access_token"):
        item = items.by_access_token(world, access_token)["item"]
    _check_products(ask.get("products"), update_mode=item is not None)
    token = world.mint.token("link")
    now = world.clock.now()
    expires = now + (_LIFE if item is None else _UPDATE_LIFE)
    kept = {name: value for name, value in ask.items() if name not in ("access_token", "user")}
    world.store.run(
        "insert into link_tokens values (?, ?, ?, ?, ?, ?)",
        token, wire.dumps(kept), ask["user"]["client_user_id"], item, wire.timestamp(now), wire.timestamp(expires),
    )  # fmt: skip
    return {"link_token": token, "expiration": wire.timestamp(expires)}


def _check_products(products: list[str] | None, *, update_mode: bool) -> None:
    if update_mode and products:
        raise PlaidError("INVALID_FIELD", "products must not be set in update mode")
    if not update_mode and not products:
        raise PlaidError("INVALID_FIELD", "products must name at least one product")
    check_only_transactions(products or [])


def check_only_transactions(products: list[str]) -> None:
    if others := [product for product in products if product != "transactions"]:
        raise PlaidError("INVALID_PRODUCT", f"not part of the stand-in: {', '.join(others)}")


def get_token(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """/link/token/get."""
    row = _row(world, ask["link_token"])
    asked = json.loads(row["request"])
    sessions = world.store.each("select body from link_sessions where token = ? order by number", row["token"])
    return {
        "link_token": row["token"],
        "created_at": row["created_at"],
        "expiration": row["expires_at"],
        "link_sessions": [wire.Verbatim(session[0]) for session in sessions],
        "metadata": {
            "initial_products": asked.get("products") or [],
            "webhook": asked.get("webhook"),
            "country_codes": asked["country_codes"],
            "language": asked["language"],
            "redirect_uri": asked.get("redirect_uri"),
            "client_name": asked["client_name"],
        },
    }


def _row(world: World, token: str) -> sqlite3.Row:
    row = world.store.one("select * from link_tokens where token = ?", token)
    if row is None:
        raise PlaidError("INVALID_LINK_TOKEN")
    return row


def _open(world: World, token: str) -> sqlite3.Row:
    row = _row(world, token)
    if items.is_past(world, row["expires_at"]):
        raise PlaidError("INVALID_LINK_TOKEN", "link token has expired")
    return row


def session(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """What the picker shows first: who asks, which banks there are, or which bank needs its login again."""
    row = _open(world, ask["link_token"])
    asked = json.loads(row["request"])
    banks = [bank for bank in ALL.values() if bank.country in asked["country_codes"] and not bank.oauth]
    shown: dict[str, Any] = {
        "client_name": asked["client_name"],
        "link_session_id": _session_id(world, row["token"]),
        "mode": "link" if row["item"] is None else "update",
        "institutions": [{"id": bank.id, "name": bank.name, "color": bank.color} for bank in banks],
    }
    if row["item"] is not None:
        item = items.by_number(world, row["item"])
        bank = ALL[item["institution_id"]]
        shown |= {"institutions": [{"id": bank.id, "name": bank.name, "color": bank.color}]}
        shown |= {"username": item["username"]}
    return shown


def _session_id(world: World, token: str) -> str:
    return str(world.mint.digest(f"session:{token}").hex()[:36])


def preview(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Signs in and shows the accounts; nothing is made yet."""
    row = _open(world, ask["link_token"])
    if row["item"] is not None:
        check_password(ask["username"], ask["password"])
        return {"accounts": _shown_accounts(world, row["item"])}
    owned = items.profile(world, ask["institution_id"], ask["username"], ask["password"], 1)
    return {"accounts": [_shown(None, account) for account in owned.accounts], "warnings": owned.warnings}


def _shown(account_id: str | None, account: Account) -> dict[str, Any]:
    return {
        "id": account_id,
        "name": account.name,
        "mask": account.mask,
        "type": account.type,
        "subtype": account.subtype,
        "verification_status": None,
        "class_type": None,
    }


def _shown_accounts(world: World, item: int) -> list[dict[str, Any]]:
    sql = "select body from accounts where item = ? and state = 'open' order by number"
    bodies = [json.loads(row[0]) for row in world.store.each(sql, item)]
    return [
        {"id": body["account_id"], "verification_status": None, "class_type": None}
        | {name: body[name] for name in ("name", "mask", "type", "subtype")}
        for body in bodies
    ]


def connect(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Ends a session in success: a new item, or a healed one; answers public token and metadata for onSuccess."""
    row = _open(world, ask["link_token"])
    asked = json.loads(row["request"])
    if row["item"] is not None:
        item = _heal(world, row["item"], ask)
    else:
        days = (asked.get("transactions") or {}).get("days_requested", items.DEFAULT_DAYS)
        owned = items.profile(world, ask["institution_id"], ask["username"], ask["password"], days)
        item = items.create(
            world,
            owned,
            institution_id=ask["institution_id"],
            username=ask["username"],
            client_user_id=row["client_user_id"],
            webhook=asked.get("webhook"),
            days=days,
        )
    token = items.public_token(world, item, update_mode=row["item"] is not None)
    metadata = _metadata(world, row["token"], item)
    _record(world, row["token"], token, metadata)
    return {"public_token": token, "metadata": metadata}


def _heal(world: World, item: int, ask: dict[str, Any]) -> int:
    row = items.by_number(world, item)
    if row["removed_at"]:
        raise PlaidError("INVALID_LINK_TOKEN", "the item of this link token was removed")
    if ask["username"] != row["username"]:
        raise PlaidError("INVALID_CREDENTIALS")
    check_password(ask["username"], ask["password"])
    items.heal(world, row, announce=False)
    return item


def _metadata(world: World, token: str, item: int) -> dict[str, Any]:
    bank = ALL[items.by_number(world, item)["institution_id"]]
    return {
        "institution": {"institution_id": bank.id, "name": bank.name},
        "accounts": _shown_accounts(world, item),
        "link_session_id": _session_id(world, token),
    }


def _record(world: World, token: str, public: str, metadata: dict[str, Any]) -> None:
    now = wire.timestamp(world.clock.now())
    number = int(world.store.value("select count(*) from link_sessions where token = ?", token))
    session_id = metadata["link_session_id"] if number == 0 else f"{metadata['link_session_id']}-{number}"
    body: dict[str, Any] = {
        "link_session_id": session_id,
        "started_at": now,
        "finished_at": now,
        "events": [],
        "on_success": {"public_token": public, "metadata": metadata},
        "results": _results(public, metadata),
    }
    world.store.run("insert into link_sessions values (?, ?, ?, ?)", session_id, token, number, wire.dumps(body))


def _results(public: str, metadata: dict[str, Any]) -> dict[str, Any]:
    added = {"public_token": public, "accounts": metadata["accounts"], "institution": metadata["institution"]}
    others = ("cra_item_add_results", "cra_update_results", "bank_income_results", "payroll_income_results")
    return {"item_add_results": [added], "document_income_results": None, **{name: [] for name in others}}


def sandbox_public_token(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """/sandbox/public_token/create: Link without Link."""
    check_only_transactions(ask["initial_products"])
    options = ask.get("options") or {}
    days = (options.get("transactions") or {}).get("days_requested", items.DEFAULT_DAYS)
    username = options.get("override_username") or "user_good"
    password = options.get("override_password")
    owned = items.profile(world, ask["institution_id"], username, "pass_good" if password is None else password, days)
    item = items.create(
        world,
        owned,
        institution_id=ask["institution_id"],
        username=username,
        client_user_id=None,
        webhook=options.get("webhook"),
        days=days,
    )
    return {"public_token": items.public_token(world, item)}

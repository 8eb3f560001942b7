"""Link tokens: made by the backend, opened by a browser. Each remembers what was asked for, and whose item it updates.

A token may be opened again and again until it expires, as in Plaid's Sandbox. With `hosted_link` it also has an address
of its own, which needs no front end: the picker served there is the same.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import Any

from local.plaid import items, relinking, wire
from local.plaid.errors import PlaidError
from local.plaid.world import World

LIFE, UPDATE_LIFE = timedelta(hours=4), timedelta(minutes=30)
_HOSTED_SECONDS = 30 * 60


def create(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """/link/token/create."""
    item = None
    if access_token := ask.get("access_token"):
        item = items.by_access_token(world, access_token)["item"]
    _check_products(ask.get("products"), update_mode=item is not None)
    token, now, hosted = world.mint.token("link"), world.clock.now(), ask.get("hosted_link")
    seconds = 0 if hosted is None else hosted.get("url_lifetime_seconds", _HOSTED_SECONDS)
    expires = max(now + (LIFE if item is None else UPDATE_LIFE), now + timedelta(seconds=seconds))
    kept = {name: value for name, value in ask.items() if name not in ("access_token", "user")}
    world.store.run(
        "insert into link_tokens (token, request, client_user_id, item, created_at, expires_at, hosted, hosted_until)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        token, wire.dumps(kept), ask["user"]["client_user_id"], item, wire.timestamp(now), wire.timestamp(expires),
        None if hosted is None else hosted_id(world, token), wire.timestamp(now + timedelta(seconds=seconds)),
    )  # fmt: skip
    answer = {"link_token": token, "expiration": wire.timestamp(expires)}
    if hosted is not None:
        answer["hosted_link_url"] = f"{world.public_url}/hl/{hosted_id(world, token)}"
    return answer


def hosted_id(world: World, token: str) -> str:
    return world.mint.digest(f"hosted:{token}").hex()[:32]


def _check_products(products: list[str] | None, *, update_mode: bool) -> None:
    if update_mode and products:
        raise PlaidError("INVALID_FIELD", "products must not be set in update mode")
    if not update_mode and not products:
        raise PlaidError("INVALID_FIELD", "products must name at least one product")
    check_only_transactions(products or [])


def check_only_transactions(products: list[str]) -> None:
    if others := [product for product in products if product != "transactions"]:
        raise PlaidError("INVALID_PRODUCT", f"not part of the stand-in: {', '.join(others)}")


def get(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """/link/token/get."""
    row = find(world, ask["link_token"])
    asked = wire.loads(row["request"])
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


def find(world: World, token: str) -> sqlite3.Row:
    """A token, expired or not; raises INVALID_LINK_TOKEN."""
    row = world.store.one("select * from link_tokens where token = ?", token)
    if row is None:
        raise PlaidError("INVALID_LINK_TOKEN")
    return row


def opened(world: World, token: str) -> sqlite3.Row:
    """A token that Link may still open; raises INVALID_LINK_TOKEN."""
    row = find(world, token)
    if items.is_past(world, row["expires_at"]):
        raise PlaidError("INVALID_LINK_TOKEN", "link token has expired")
    return row


def hosted(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """The link token behind an address of Hosted Link, while it lives."""
    row = world.store.one("select * from link_tokens where hosted = ?", ask["id"])
    if row is None or items.is_past(world, row["hosted_until"]):
        raise PlaidError("INVALID_LINK_TOKEN", "this hosted link does not exist or has expired")
    done = wire.loads(row["request"])["hosted_link"].get("completion_redirect_uri")
    return {"link_token": row["token"], "completion_redirect_uri": done}


def sandbox_public_token(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """/sandbox/public_token/create: Link without Link."""
    check_only_transactions(ask["initial_products"])
    options = ask.get("options") or {}
    days = (options.get("transactions") or {}).get("days_requested", items.DEFAULT_DAYS)
    username = options.get("override_username") or "user_good"
    password = options.get("override_password")
    password = "pass_good" if password is None else password
    owned = items.profile(world, ask["institution_id"], username, password, days)
    item = items.create(
        world,
        owned,
        institution_id=ask["institution_id"],
        username=username,
        login=relinking.login(world, ask["institution_id"], username, password),
        client_user_id=None,
        webhook=options.get("webhook"),
        days=days,
    )
    return {"public_token": items.public_token(world, item)}

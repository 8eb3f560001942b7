"""Link: what the bank picker (or a script without a browser) does with a link token, step by step.

Look at the session, sign in to see the accounts, connect or leave. In update mode connecting heals the item, which
keeps its id and its access token; with account selection the user also chooses anew what to share. The caller holds
the transaction.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from local.plaid import grants, items, link_sessions, link_tokens, oauth, relinking, wire
from local.plaid.errors import PlaidError
from local.plaid.institutions import ALL, Institution
from local.plaid.users import check_password
from local.plaid.world import World


def session(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """What the picker shows first: who asks, which banks there are, or which bank needs its login again."""
    row = link_tokens.opened(world, ask["link_token"])
    asked = json.loads(row["request"])
    banks = [bank for bank in ALL.values() if bank.country in asked["country_codes"]]
    shown: dict[str, Any] = {
        "client_name": asked["client_name"],
        "link_session_id": link_sessions.begin(world, row),
        "mode": "link" if row["item"] is None else "update",
        "selects_accounts": row["item"] is None or _selects(asked),
        "institutions": [_bank(bank) for bank in banks],
    }
    if row["item"] is not None:
        item = items.by_number(world, row["item"])
        shown |= {"institutions": [_bank(ALL[item["institution_id"]])], "username": item["username"]}
    return shown


def _bank(bank: Institution) -> dict[str, Any]:
    return {"id": bank.id, "name": bank.name, "color": bank.color, "oauth": bank.oauth}


def _selects(asked: dict[str, Any]) -> bool:
    return bool((asked.get("update") or {}).get("account_selection_enabled"))


def preview(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Signs in and shows the accounts; nothing is made yet."""
    row = link_tokens.opened(world, ask["link_token"])
    ask = _signed_in(world, row, ask)
    if row["item"] is not None:
        check_password(ask["username"], ask["password"])
        found = grants.choices(world, row["item"], all_of_them=_selects(json.loads(row["request"])))
        return {"accounts": [_choice(one) for one in found]}
    owned = items.profile(world, ask["institution_id"], ask["username"], ask["password"], 1)
    shown = [
        {"id": None, "key": str(number), "selected": True, "name": one.name, "mask": one.mask}
        | {"type": one.type, "subtype": one.subtype, "verification_status": None, "class_type": None}
        for number, one in enumerate(owned.accounts)
    ]
    return {"accounts": shown, "warnings": owned.warnings}


def _signed_in(world: World, row: sqlite3.Row, ask: dict[str, Any]) -> dict[str, Any]:
    """The request with the credentials in it: given, or those of the bank's own page."""
    if state := ask.get("oauth_state_id"):
        return ask | oauth.credentials(world, row, state)
    if missing := [name for name in ("institution_id", "username", "password") if name not in ask]:
        raise PlaidError("MISSING_FIELDS", f"the following required fields are missing: {', '.join(missing)}")
    return ask


def _choice(row: sqlite3.Row) -> dict[str, Any]:
    return _shown(row) | {"key": row["account_id"], "selected": row["state"] == "open"}


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    body = wire.loads(row["body"])
    shown = {name: body[name] for name in ("name", "mask", "type", "subtype")}
    return {"id": body["account_id"], "verification_status": None, "class_type": None} | shown


def connect(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Ends a session in success: a new item, or a healed one; answers public token and metadata for onSuccess."""
    row = link_tokens.opened(world, ask["link_token"])
    ask = _signed_in(world, row, ask)
    session_id = link_sessions.begin(world, row)
    item = _link(world, row, ask) if row["item"] is None else _heal(world, row, ask)
    token = items.public_token(world, item, update_mode=row["item"] is not None)
    bank = ALL[items.by_number(world, item)["institution_id"]]
    metadata = {
        "institution": {"institution_id": bank.id, "name": bank.name},
        "accounts": [_shown(one) for one in grants.choices(world, item, all_of_them=False)],
        "link_session_id": session_id,
    }
    link_sessions.succeed(world, row, token, metadata, added=row["item"] is None)
    return {"public_token": token, "metadata": metadata}


def _link(world: World, row: sqlite3.Row, ask: dict[str, Any]) -> int:
    asked = json.loads(row["request"])
    days = (asked.get("transactions") or {}).get("days_requested", items.DEFAULT_DAYS)
    owned = items.profile(world, ask["institution_id"], ask["username"], ask["password"], days)
    return items.create(
        world,
        owned,
        institution_id=ask["institution_id"],
        username=ask["username"],
        login=relinking.login(world, ask["institution_id"], ask["username"], ask["password"]),
        client_user_id=row["client_user_id"],
        webhook=asked.get("webhook"),
        days=days,
        accounts=ask.get("accounts"),
        consented=asked.get("additional_consented_products") or [],
    )


def _heal(world: World, row: sqlite3.Row, ask: dict[str, Any]) -> int:
    item, asked = items.by_number(world, row["item"]), json.loads(row["request"])
    if item["removed_at"]:
        raise PlaidError("INVALID_LINK_TOKEN", "the item of this link token was removed")
    if ask["username"] != item["username"]:
        raise PlaidError("INVALID_CREDENTIALS")
    check_password(ask["username"], ask["password"])
    if "accounts" in ask:
        if not _selects(asked):
            raise PlaidError("INVALID_FIELD", "accounts are chosen only with update.account_selection_enabled")
        grants.select(world, item, ask["accounts"])
    items.consent_to(world, item, asked.get("additional_consented_products") or [])
    items.heal(world, item, announce=False)
    return int(item["item"])


def note_event(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Adds an event to the open session, as the picker does when a view changes; one that comes late is dropped."""
    row = link_tokens.opened(world, ask["link_token"])
    if link_sessions.is_open(world, row):
        link_sessions.note(world, row, ask["name"], ask.get("metadata") or {})
    return {}


def leave(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Ends a session without success, with an error if one is given."""
    row = link_tokens.find(world, ask["link_token"])
    error = PlaidError(ask["error_code"]).body() if "error_code" in ask else None
    link_sessions.leave(world, row, error, ask.get("status"))
    return {}

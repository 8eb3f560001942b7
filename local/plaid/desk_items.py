"""The bank's desk for whole items: break and repair the login, move the readiness on, close or offer accounts."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Any

from local.plaid import accounts, bank_rows, expiry, grants, items, subtypes, views, webhooks
from local.plaid.admin_call import NOTIFY, WHERE, Admin, Table, word
from local.plaid.custom_user import Account
from local.plaid.fields import Shape, one_of, optional, required, text, whole
from local.plaid.shapes import WEBHOOK_CODES
from local.plaid.world import READINESS, World


def break_login(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Puts an item into an error, ITEM_LOGIN_REQUIRED if none is named; a webhook goes out."""
    item = views.item_of(world, ask)
    code = ask.get("error_code", "ITEM_LOGIN_REQUIRED")
    items.break_with(world, item, code)
    return {"item_id": item["item_id"], "error_code": code}


def repair(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Heals an item as if the user had signed in elsewhere: LOGIN_REPAIRED goes out."""
    item = views.item_of(world, ask)
    items.heal(world, item, announce=True)
    return {"item_id": item["item_id"]}


def readiness(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Moves an item forward to a readiness; its history arrives accordingly."""
    item = views.item_of(world, ask)
    items.make_ready(world, item["item"], ask["to"])
    return {"item_id": item["item_id"], "readiness": items.by_number(world, item["item"])["readiness"]}


def close_account(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """The bank closes an account: it is gone from /accounts/get, its rows stay; no webhook tells of it."""
    item, account = _account(world, ask)
    grants.close(world, item, account)
    return {"item_id": item["item_id"], "account_id": account["account_id"]}


def revoke_account(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """The user takes back the permission for one account: neither it nor its rows are shown again, and
    USER_ACCOUNT_REVOKED goes out."""
    item, account = _account(world, ask)
    grants.revoke(world, item, account)
    return {"item_id": item["item_id"], "account_id": account["account_id"]}


def churn_account(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """An account goes on under a new id: same name and mask; its rows are removed and added under new ids."""
    item, account = _account(world, ask)
    new_id = grants.churn(world, item, account, notify=ask.get("notify", True))
    return {"item_id": item["item_id"], "account_id": account["account_id"], "new_account_id": new_id}


def new_account(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """A new account at the bank, with `rows` believable rows of the last month, not shared until the user selects it in
    update mode; NEW_ACCOUNTS_AVAILABLE goes out."""
    item = views.item_of(world, ask)
    kind = ask.get("type", "depository")
    sort = subtypes.subtype(ask["subtype"]) if "subtype" in ask else subtypes.DEFAULTS.get(kind)
    name = ask.get("name", "New Account")
    account = Account(
        kind, sort, name, None, ask.get("mask", "7777"), Decimal("1000.00"), Decimal("1000.00"), None,
        ask.get("currency", "USD"),
    )  # fmt: skip
    return {"item_id": item["item_id"], "account_id": grants.offer(world, item, account, ask.get("rows", 10))}


def _account(world: World, ask: dict[str, Any]) -> tuple[sqlite3.Row, sqlite3.Row]:
    item = views.item_of(world, ask)
    return item, accounts.named(world, item["item"], ask["account"])


def disconnect(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """The bank announces to disconnect in `days`: PENDING_DISCONNECT goes out; when the clock gets there, the login is
    gone."""
    item = views.item_of(world, ask)
    at = expiry.announce_disconnect(world, item, ask.get("days", 7), ask.get("reason", "INSTITUTION_MIGRATION"))
    return {"item_id": item["item_id"], "disconnect_time": at}


def consent(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """The user's consent ends in `days`: PENDING_EXPIRATION goes out a week before, and the login is gone after."""
    item = views.item_of(world, ask)
    at = expiry.limit_consent(world, item, ask["days"])
    return {"item_id": item["item_id"], "consent_expiration_time": at}


def fire(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Fires a webhook without any change behind it, as /sandbox/item/fire_webhook does."""
    item = views.item_of(world, ask)
    return {"webhook_fired": webhooks.fire(world, item, None, ask["webhook_code"], {})}


def remove_item(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Plaid removes an item by itself: every call answers ITEM_NOT_FOUND from now on; no webhook tells of it."""
    item = views.item_of(world, ask)
    items.remove(world, item)
    return {"item_id": item["item_id"]}


_WHICH: Shape = {**WHERE, "account": required(word)}
_REASONS = ("INSTITUTION_MIGRATION", "INSTITUTION_TOKEN_EXPIRATION")

TABLE: Table = {
    ("POST", "/_local/break"): Admin({**WHERE, "error_code": optional(word)}, break_login),
    ("POST", "/_local/repair"): Admin(WHERE, repair),
    ("POST", "/_local/disconnect"): Admin(
        {**WHERE, "days": optional(whole(0)), "reason": optional(one_of(*_REASONS))}, disconnect
    ),
    ("POST", "/_local/consent"): Admin({**WHERE, "days": required(whole(0))}, consent),
    ("POST", "/_local/fire"): Admin({**WHERE, "webhook_code": required(one_of(*WEBHOOK_CODES))}, fire),
    ("POST", "/_local/remove-item"): Admin(WHERE, remove_item),
    ("POST", "/_local/accounts/close"): Admin(_WHICH, close_account),
    ("POST", "/_local/accounts/revoke"): Admin(_WHICH, revoke_account),
    ("POST", "/_local/accounts/churn"): Admin({**_WHICH, **NOTIFY}, churn_account),
    ("POST", "/_local/accounts/new"): Admin(
        {
            **WHERE,
            "name": optional(word),
            "type": optional(one_of("depository", "credit", "loan", "investment", "other")),
            "subtype": optional(one_of(*subtypes.SUBTYPES)),
            "mask": optional(text(least=2, most=4)),
            "currency": optional(bank_rows.currency_code),
            "rows": optional(whole(0, 10_000)),
        },
        new_account,
    ),
    ("POST", "/_local/readiness"): Admin({**WHERE, "to": required(one_of(*READINESS))}, readiness),
}

"""Plaid's endpoints: path, documented request, and what answers. Each runs inside one transaction of the store."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from local.plaid import (
    accounts,
    bank,
    institutions,
    items,
    link_tokens,
    recurring,
    replay,
    shapes,
    signing,
    sync,
    webhooks,
)
from local.plaid.currencies import is_code
from local.plaid.errors import PlaidError
from local.plaid.fields import Shape
from local.plaid.rows import Row
from local.plaid.world import World

Handler = Callable[[World, dict[str, Any]], dict[str, Any]]
_OLDEST_CREATED = timedelta(days=14)
# Every path of Plaid's API, so that what is not built can be told from what does not exist.
DOCUMENTED: frozenset[str] = frozenset((Path(__file__).parent / "endpoints.txt").read_text("ascii").split())


@dataclass(frozen=True)
class Endpoint:
    shape: Shape
    handler: Handler


def item_exchange(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    item = items.exchange(world, ask["public_token"])
    return {"access_token": item["access_token"], "item_id": item["item_id"]}


def item_get(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    row = items.by_access_token(world, ask["access_token"])
    status = {
        "transactions": {"last_successful_update": row["updated_at"], "last_failed_update": row["failed_at"]},
        "last_webhook": json.loads(row["last_webhook"]) if row["last_webhook"] else None,
    }
    if status["last_webhook"] is None:
        del status["last_webhook"]
    return {"item": items.as_json(world, row, with_consent=True), "status": status}


def item_remove(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    row = items.by_access_token(world, ask["access_token"])
    items.remove(world, row)
    return {}


def item_webhook_update(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    row = items.by_access_token(world, ask["access_token"])
    url = ask.get("webhook")
    world.store.run("update items set webhook = ? where item = ?", url, row["item"])
    if url:
        extra = {"error": None, "new_webhook_url": url}
        webhooks.queue(world, row, "ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED", extra, url=url)
    return {"item": items.as_json(world, items.by_number(world, row["item"]))}


def item_token_invalidate(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    row = items.by_access_token(world, ask["access_token"])
    token = world.mint.token("access")
    world.store.run("update items set access_token = ? where item = ?", token, row["item"])
    return {"new_access_token": token}


def accounts_get(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    row = items.by_access_token(world, ask["access_token"], healthy=True)
    wanted = (ask.get("options") or {}).get("account_ids")
    if recorded := replay.accounts(world, row["item"]):
        shown = [one for one in recorded if wanted is None or one["account_id"] in wanted]
        return {"accounts": shown, "item": items.as_json(world, row)}
    return {"accounts": accounts.open_accounts(world, row["item"], wanted), "item": items.as_json(world, row)}


def institutions_get_by_id(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    found = items.institution(ask["institution_id"])
    if found.country not in ask["country_codes"]:
        raise PlaidError("INVALID_INSTITUTION")
    return {"institution": found.as_json(with_metadata=_with_metadata(ask))}


def institutions_get(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    options = ask.get("options") or {}
    found = [bank for bank in institutions.ALL.values() if bank.country in ask["country_codes"]]
    if options.get("oauth") is not None:
        found = [bank for bank in found if bank.oauth == options["oauth"]]
    if set(options.get("products") or ()) - {"transactions"} or options.get("routing_numbers"):
        found = []
    shown = found[ask["offset"] : ask["offset"] + ask["count"]]
    return {
        "institutions": [bank.as_json(with_metadata=_with_metadata(ask)) for bank in shown],
        "total": len(found),
    }


def _with_metadata(ask: dict[str, Any]) -> bool:
    return bool((ask.get("options") or {}).get("include_optional_metadata"))


def webhook_key_get(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    return {"key": signing.public_key(world.store, ask["key_id"])}


def fire_webhook(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    row = items.by_access_token(world, ask["access_token"])
    options = ask.get("options") or {}
    return {"webhook_fired": webhooks.fire(world, row, ask.get("webhook_type"), ask["webhook_code"], options)}


def reset_login(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    row = items.by_access_token(world, ask["access_token"])
    items.break_with(world, row, "ITEM_LOGIN_REQUIRED")
    return {"reset_login": True}


def transactions_create(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    row = items.by_access_token(world, ask["access_token"], healthy=True)
    placed = [_created(world, row["item"], line, index) for index, line in enumerate(ask["transactions"])]
    bank.add(world, row, bank.entries(world, placed))
    return {}


def _created(world: World, item: int, line: dict[str, Any], index: int) -> tuple[Row, str]:
    today = world.clock.today()
    account = (
        accounts.by_id(world, item, line["account_id"])
        if "account_id" in line
        else accounts.pick(world, item, ("depository",))
    )
    transacted, posted = date.fromisoformat(line["date_transacted"]), date.fromisoformat(line["date_posted"])
    for name, day in (("date_transacted", transacted), ("date_posted", posted)):
        if not today - _OLDEST_CREATED <= day <= today:
            raise PlaidError("INVALID_FIELD", f"transactions[{index}].{name} must be today or up to 14 days back")
    currency = line.get("iso_currency_code", "USD").upper()
    if not is_code(currency):
        raise PlaidError("INVALID_FIELD", f"transactions[{index}].iso_currency_code must be a currency code")
    return Row(0, line["amount"], line["description"], posted, transacted, currency), account["account_id"]


SERVED: dict[str, Endpoint] = {
    "/link/token/create": Endpoint(shapes.LINK_TOKEN_CREATE, link_tokens.create),
    "/link/token/get": Endpoint(shapes.LINK_TOKEN_GET, link_tokens.get),
    "/sandbox/public_token/create": Endpoint(shapes.SANDBOX_PUBLIC_TOKEN_CREATE, link_tokens.sandbox_public_token),
    "/item/public_token/exchange": Endpoint(shapes.ITEM_PUBLIC_TOKEN_EXCHANGE, item_exchange),
    "/item/get": Endpoint(shapes.ACCESS_TOKEN, item_get),
    "/item/remove": Endpoint(shapes.ITEM_REMOVE, item_remove),
    "/item/webhook/update": Endpoint(shapes.ITEM_WEBHOOK_UPDATE, item_webhook_update),
    "/item/access_token/invalidate": Endpoint(shapes.ACCESS_TOKEN, item_token_invalidate),
    "/accounts/get": Endpoint(shapes.ACCOUNTS_GET, accounts_get),
    "/accounts/balance/get": Endpoint(shapes.ACCOUNTS_BALANCE_GET, accounts_get),
    "/institutions/get_by_id": Endpoint(shapes.INSTITUTIONS_GET_BY_ID, institutions_get_by_id),
    "/institutions/get": Endpoint(shapes.INSTITUTIONS_GET, institutions_get),
    "/transactions/sync": Endpoint(shapes.TRANSACTIONS_SYNC, sync.sync),
    "/transactions/refresh": Endpoint(shapes.ACCESS_TOKEN, sync.refresh),
    "/transactions/recurring/get": Endpoint(shapes.TRANSACTIONS_RECURRING_GET, recurring.get),
    "/webhook_verification_key/get": Endpoint(shapes.WEBHOOK_VERIFICATION_KEY_GET, webhook_key_get),
    "/sandbox/item/fire_webhook": Endpoint(shapes.SANDBOX_ITEM_FIRE_WEBHOOK, fire_webhook),
    "/sandbox/item/reset_login": Endpoint(shapes.ACCESS_TOKEN, reset_login),
    "/sandbox/transactions/create": Endpoint(shapes.SANDBOX_TRANSACTIONS_CREATE, transactions_create),
}

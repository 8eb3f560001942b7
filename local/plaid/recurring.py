"""/transactions/recurring/get: the recurring streams of an item, once its history is complete."""

from __future__ import annotations

from typing import Any

from local.plaid import accounts, items, streams, wire
from local.plaid.errors import PlaidError
from local.plaid.world import READINESS, World


def get(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Answers the streams of an item, or of some of its accounts; PRODUCT_NOT_READY until its history is complete."""
    item = items.by_access_token(world, ask["access_token"], healthy=True)
    if (ask.get("options") or {}).get("personal_finance_category_version", "v2") != "v2":
        raise PlaidError("UNIMPLEMENTED", "personal_finance_category_version v1 is not part of the stand-in")
    if item["readiness"] != READINESS[2]:
        raise PlaidError("PRODUCT_NOT_READY")
    wanted = ask.get("account_ids")
    shown = {wire.loads(one.text)["account_id"] for one in accounts.open_accounts(world, item["item"], wanted)}
    found = [one for one in streams.find(world, item) if one["account_id"] in shown]
    told = streams.digest(world, item)
    world.store.run("update items set recurring = ? where item = ? and recurring is not ?", told, item["item"], told)
    return {
        "inflow_streams": [one for one in found if one["average_amount"]["amount"] < 0],
        "outflow_streams": [one for one in found if one["average_amount"]["amount"] >= 0],
        "updated_datetime": item["updated_at"] or item["created_at"],
        "personal_finance_category_version": "v2",
    }

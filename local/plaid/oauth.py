"""OAuth banks: the user leaves for the bank's own page, signs in and consents there, and comes back with a state id.

Link starts it and gets the address of the bank's page; the page ends it; Link goes on when it hears of the state, in a
pop-up's opener or after the redirect to `redirect_uri?oauth_state_id=...`. Only user_good has such a bank. The caller
holds the transaction.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from local.plaid import items, link_tokens, wire
from local.plaid.errors import PlaidError
from local.plaid.institutions import ALL
from local.plaid.users import check_password
from local.plaid.world import World


def start(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Link sends the user to the bank: a state id and the address of the bank's page."""
    token = link_tokens.opened(world, ask["link_token"])
    bank = items.institution(ask["institution_id"])
    if not bank.oauth:
        raise PlaidError("INVALID_INSTITUTION", f"{bank.name} has no OAuth")
    asked = wire.loads(token["request"])
    back = ask.get("return_to") or asked.get("redirect_uri")
    state = world.mint.digest(f"oauth:{world.store.count_up('oauth')}").hex()[:36]
    sql = "insert into oauth (state, token, institution_id, back) values (?, ?, ?, ?)"
    world.store.run(sql, state, token["token"], bank.id, back)
    return {
        "oauth_state_id": state,
        "url": f"/oauth/bank?oauth_state_id={state}",
        "can_redirect": back is not None,
    }


def show(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """What the bank's page shows: which bank, who asks, and for whom it is when known."""
    row = _find(world, ask["oauth_state_id"])
    token = link_tokens.opened(world, row["token"])
    bank = ALL[row["institution_id"]]
    item = items.by_number(world, token["item"]) if token["item"] is not None else None
    return {
        "bank": {"id": bank.id, "name": bank.name, "color": bank.color},
        "client_name": wire.loads(token["request"])["client_name"],
        "username": item["username"] if item else "user_good",
        "status": row["status"],
    }


def decide(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """The user signs in at the bank and consents, or refuses; answers where the page goes from here."""
    row = _find(world, ask["oauth_state_id"])
    if ask["consent"]:
        bank = items.institution(row["institution_id"])
        check_password(ask.get("username", ""), ask.get("password", ""))
        if bank.fails_with or ask.get("username") != "user_good":
            raise PlaidError(bank.fails_with or "INVALID_CREDENTIALS")
    world.store.run(
        "update oauth set status = ?, username = ?, password = ? where state = ?",
        "granted" if ask["consent"] else "refused", ask.get("username"), ask.get("password"), row["state"],
    )  # fmt: skip
    back = row["back"]
    joined = "&" if back and "?" in back else "?"
    return {"back": f"{back}{joined}oauth_state_id={row['state']}" if back else None}


def state(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Whether the user has come back from the bank: pending, granted or refused."""
    row = _find(world, ask["oauth_state_id"])
    return {"status": row["status"], "institution_id": row["institution_id"]}


def credentials(world: World, token: sqlite3.Row, state_id: str) -> dict[str, str]:
    """What the user signed in with at the bank, for the same link token; raises unless consent is given."""
    row = _find(world, state_id)
    if row["token"] != token["token"] or row["status"] != "granted":
        raise PlaidError("INVALID_CREDENTIALS", "the user has not consented at the bank")
    return {"institution_id": row["institution_id"], "username": row["username"], "password": row["password"]}


def _find(world: World, state_id: str) -> sqlite3.Row:
    row = world.store.one("select * from oauth where state = ?", state_id)
    if row is None:
        raise PlaidError("INVALID_FIELD", "there is no such oauth_state_id")
    return row

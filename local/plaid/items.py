"""Items: how they come to be, whose tokens open them, when their history is ready, what breaks and heals them.

Functions that write expect the caller to hold the transaction (`world.commit()`), `due_timers` excepted.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from local.plaid import bank, bulk, grants, relinking, webhooks, wire
from local.plaid.accounts import store_accounts
from local.plaid.clock import Clock
from local.plaid.errors import PlaidError
from local.plaid.institutions import ALL, Institution
from local.plaid.users import Profile, sign_in
from local.plaid.world import READINESS, World

PUBLIC_TOKEN_LIFE = timedelta(minutes=30)
DEFAULT_DAYS = 90
_INITIAL_DAYS = 30
# Where a user's consent ends by law, and Plaid says when.
CONSENT_COUNTRIES = (
    "GB",
    "ES",
    "NL",
    "FR",
    "IE",
    "DE",
    "IT",
    "PL",
    "DK",
    "NO",
    "SE",
    "EE",
    "LT",
    "LV",
    "PT",
    "BE",
    "AT",
    "FI",
)


def institution(institution_id: str) -> Institution:
    if institution_id not in ALL:
        raise PlaidError("INVALID_INSTITUTION")
    return ALL[institution_id]


def profile(world: World, institution_id: str, username: str, password: str, days: int) -> Profile:
    """What this user owns at this bank; raises what the bank would answer."""
    found, days = institution(institution_id), min(days, world.knobs.most_days or days)
    return sign_in(found, username, password, today=world.clock.today(), days=days, dice_of=world.mint.dice)


def create(
    world: World,
    owned: Profile,
    *,
    institution_id: str,
    username: str,
    login: str,
    client_user_id: str | None,
    webhook: str | None,
    days: int,
    accounts: Sequence[str] | None = None,
    consented: Sequence[str] = (),
) -> int:
    """Makes an item with its accounts and its history, held back until it is ready; answers its number. A login that
    the same user linked before has the same rows again. `accounts` are those shared, all if left out."""
    before = relinking.earlier(world, login, client_user_id)
    item = world.store.count_up("item-number")
    world.store.run(
        "insert into items (item, item_id, client_user_id, institution_id, username, webhook, readiness, created_at,"
        " days_requested, products, warnings, login, consented, life)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        item, world.mint.id("item"), client_user_id, institution_id, username, webhook, READINESS[0],
        wire.timestamp(world.clock.now()), days, json.dumps(["transactions"]), json.dumps(owned.warnings), login,
        json.dumps(list(consented)), owned.life,
    )  # fmt: skip
    if before is None:
        _fresh(world, by_number(world, item), owned)
    else:
        bank.hold(world, item, relinking.copy(world, by_number(world, item), before, owned).rows)
    _start_terms(world, by_number(world, item))
    if accounts is not None:
        grants.keep_only(world, item, accounts)
    _start_timeline(world, item)
    return item


def _fresh(world: World, item: sqlite3.Row, owned: Profile) -> None:
    """The accounts and rows of a login that is new here."""
    account_ids = store_accounts(world, item, owned.accounts)
    history = bank.entries(world, [(row, account_ids[row.account]) for row in owned.rows])
    days_of = [row.authorized_date or row.date for row in owned.rows]
    bank.hold(world, item["item"], list(zip(history, days_of, strict=True)))
    _hold_many(world, item, owned, account_ids)


def _hold_many(world: World, item: sqlite3.Row, owned: Profile, account_ids: list[str]) -> None:
    """The history of a user who owns thousands of rows: evenly over the days asked for."""
    if not owned.many:
        return
    last, days = world.clock.today(), min(item["days_requested"], world.knobs.most_days or bulk.DAYS)
    targets = [bulk.Target(*pair) for pair in zip(account_ids, (one.currency for one in owned.accounts), strict=True)]
    dice, first = world.mint.dice("thousands", item["item_id"]), last - timedelta(days=min(days, bulk.DAYS))
    made = bulk.entries(world.mint, dice, targets, count=owned.many, first=first, last=last, refunds=bulk.REFUNDS)
    bank.hold(world, item["item"], made)


def _start_timeline(world: World, item: int) -> None:
    if world.config.manual_readiness:
        return
    if world.config.readiness is None:
        make_ready(world, item, READINESS[2])
        return
    now, clock = Clock.machine_seconds(), world.clock.now().timestamp()
    for stage, seconds in zip(READINESS[1:], world.config.readiness, strict=True):
        sql = "insert into timers (item, stage, due_at, due_clock) values (?, ?, ?, ?)"
        world.store.run(sql, item, stage, now + seconds, clock + seconds)


def due_timers(world: World) -> None:
    """Moves items whose time has come by the machine's clock along their timeline; a transaction of its own."""
    for timer in world.store.all("select * from timers where due_at <= ? order by due_at", Clock.machine_seconds()):
        with world.commit():
            _ring(world, timer)


def due_on_clock(world: World) -> None:
    """The same by the stand-in's own clock, which may have been moved."""
    now = world.clock.now().timestamp()
    for timer in world.store.all("select * from timers where due_clock <= ? order by due_clock", now):
        _ring(world, timer)


def _ring(world: World, timer: sqlite3.Row) -> None:
    world.store.run("delete from timers where item = ? and stage = ?", timer["item"], timer["stage"])
    make_ready(world, timer["item"], timer["stage"])


def _start_terms(world: World, item: sqlite3.Row) -> None:
    """The user has just signed in: the login's and the consent's terms begin, and nothing is announced."""
    now = world.clock.now()
    days = world.knobs.consent_days
    limited = days is not None and (ALL[item["institution_id"]].country in CONSENT_COUNTRIES or item["consent_until"])
    until = wire.timestamp(now + timedelta(days=days)) if limited and days is not None else None
    world.store.run(
        "update items set signed_in_at = ?, consent_until = ?, consent_told = 0, disconnect_at = null where item = ?",
        wire.timestamp(now),
        until,
        item["item"],
    )


def make_ready(world: World, item: int, stage: str) -> None:
    """Moves an item forward to a readiness: 30 days of history come first, then the rest. Never moves back."""
    row = by_number(world, item)
    for next_stage in READINESS[READINESS.index(row["readiness"]) + 1 : READINESS.index(stage) + 1]:
        world.store.run("update items set readiness = ? where item = ?", next_stage, item)
        count = bank.release(world, item, since=_since(world, next_stage))
        code = "INITIAL_UPDATE" if next_stage == READINESS[1] else "HISTORICAL_UPDATE"
        if row["access_token"]:
            webhooks.ready(world, row, code, count)
            webhooks.sync_updates(world, row)


def _since(world: World, stage: str) -> date | None:
    """The first day whose history is there at a readiness; None for all of it."""
    return world.clock.today() - timedelta(days=_INITIAL_DAYS) if stage == READINESS[1] else None


def public_token(world: World, item: int, *, update_mode: bool = False) -> str:
    token = world.mint.token("public")
    expires = wire.timestamp(world.clock.now() + PUBLIC_TOKEN_LIFE)
    world.store.run(
        "insert into public_tokens (token, item, expires_at, update_mode) values (?, ?, ?, ?)",
        token, item, expires, update_mode,
    )  # fmt: skip
    return token


def exchange(world: World, token: str) -> sqlite3.Row:
    """Spends a public token; answers the item, which now has an access token."""
    _environment(token, "public", "INVALID_PUBLIC_TOKEN")
    row = world.store.one("select * from public_tokens where token = ?", token)
    if row is None:
        raise PlaidError("INVALID_PUBLIC_TOKEN")
    if row["used"]:
        raise PlaidError("INVALID_PUBLIC_TOKEN", "provided public token has already been exchanged")
    if row["update_mode"]:
        raise PlaidError(
            "INVALID_PUBLIC_TOKEN", "a public token of update mode is not exchanged: the item keeps its own"
        )
    if is_past(world, row["expires_at"]):
        raise PlaidError(
            "INVALID_PUBLIC_TOKEN", "provided public token is expired. Public tokens expire 30 minutes after creation"
        )
    world.store.run("update public_tokens set used = 1 where token = ?", token)
    access = world.mint.token("access")
    world.store.run("update items set access_token = ? where item = ?", access, row["item"])
    item = by_number(world, row["item"])
    _announce_readiness(world, item)
    return item


def _announce_readiness(world: World, item: sqlite3.Row) -> None:
    """The legacy webhooks of what was ready before anybody held the item's token."""
    stage = READINESS.index(item["readiness"])
    if stage >= 1:
        webhooks.ready(world, item, "INITIAL_UPDATE", min(item["head"], 100))
    if stage >= 2:
        webhooks.ready(world, item, "HISTORICAL_UPDATE", item["head"])


def by_access_token(world: World, token: str, *, healthy: bool = False) -> sqlite3.Row:
    """The item that a token opens; with `healthy`, raises the item's own error if it has one."""
    _environment(token, "access", "INVALID_ACCESS_TOKEN")
    row = world.store.one("select * from items where access_token = ?", token)
    if row is None:
        raise PlaidError("INVALID_ACCESS_TOKEN")
    if row["removed_at"]:
        raise PlaidError("ITEM_NOT_FOUND")
    if healthy and row["error"]:
        raise PlaidError(row["error"], reason=row["error_reason"])
    return row


def by_number(world: World, item: int) -> sqlite3.Row:
    row = world.store.one("select * from items where item = ?", item)
    assert row is not None
    return row


def as_json(world: World, row: sqlite3.Row, *, with_consent: bool = False) -> dict[str, Any]:
    products = json.loads(row["products"])
    shown: dict[str, Any] = {
        "auth_method": None,
        "available_products": [],
        "billed_products": products,
        "consent_expiration_time": row["consent_until"],
        "consented_products": list(dict.fromkeys(products + json.loads(row["consented"]))),
        "error": PlaidError(row["error"], reason=row["error_reason"]).body() if row["error"] else None,
        "institution_id": row["institution_id"],
        "institution_name": ALL[row["institution_id"]].name,
        "item_id": row["item_id"],
        "products": products,
        "update_type": "background",
        "webhook": row["webhook"] or "",
    }
    if with_consent:
        shown |= {"created_at": row["created_at"], "consented_use_cases": [], "consented_data_scopes": []}
    return shown


def consent_to(world: World, row: sqlite3.Row, products: Sequence[str]) -> None:
    """The user consents to more products than before."""
    all_of_them = list(dict.fromkeys([*json.loads(row["consented"]), *products]))
    world.store.run("update items set consented = ? where item = ?", json.dumps(all_of_them), row["item"])


def break_with(world: World, row: sqlite3.Row, code: str, *, reason: str | None = None) -> None:
    """Puts an item into an error; what the bank does from now on is held back until it is healed."""
    world.store.run("update items set error = ?, error_reason = ? where item = ?", code, reason, row["item"])
    error = PlaidError(code, reason=reason)
    webhooks.item_error(world, row, error, code if code == "USER_PERMISSION_REVOKED" else "ERROR")


def heal(world: World, row: sqlite3.Row, *, announce: bool) -> None:
    """Ends an item's error and delivers what was held back; `announce` also fires LOGIN_REPAIRED."""
    world.store.run("update items set error = null, error_reason = null where item = ?", row["item"])
    _start_terms(world, row)
    if announce:
        webhooks.queue(world, row, "ITEM", "LOGIN_REPAIRED", {})
    if row["readiness"] != READINESS[0]:
        count = bank.release(world, row["item"], since=_since(world, row["readiness"]))
        posted = bank.post_due(world, by_number(world, row["item"]), world.clock.today()) if world.knobs.posting else []
        webhooks.data_changed(world, row, new=count, removed=posted)


def remove(world: World, row: sqlite3.Row) -> None:
    """The end of an item: every call answers ITEM_NOT_FOUND from now on."""
    world.store.run("update items set removed_at = ? where item = ?", wire.timestamp(world.clock.now()), row["item"])
    world.store.run("delete from timers where item = ?", row["item"])


def is_past(world: World, moment: str) -> bool:
    return datetime.fromisoformat(moment) <= world.clock.now()


def _environment(token: str, kind: str, code: str) -> None:
    if not token.startswith(f"{kind}-sandbox-"):
        raise PlaidError(
            code, f"provided {kind} token is in an invalid format. expected format: {kind}-sandbox-<identifier>"
        )

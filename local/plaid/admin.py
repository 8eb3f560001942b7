"""The admin API below /_local: what a person at the bank, or a test, may do that Plaid's API does not offer.

Never part of Plaid; docs/local-plaid.md lists it. Bodies are as strict as Plaid's. Each call is one transaction of
the store. An item is named by `item_id`, or by `user` (a client_user_id): that user's newest linked, living item.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from local.plaid import bank, bank_rows, items, knobs, limits, link, signing, views, wire
from local.plaid.endpoints import SERVED
from local.plaid.errors import PlaidError
from local.plaid.faults import CALL_FAULTS, WEBHOOK_FAULTS, Fault
from local.plaid.fields import (
    Shape,
    anything,
    day,
    each,
    flag,
    nested,
    number,
    one_of,
    optional,
    required,
    text,
    whole,
)
from local.plaid.world import READINESS, World

Handler = Callable[[World, dict[str, Any]], dict[str, Any]]
_word = text(least=1)
_WHERE: Shape = {"item_id": optional(_word), "user": optional(_word)}
_NOTIFY: Shape = {"notify": optional(flag)}
_RAW: Shape = {"raw": optional(anything), "without": optional(each(_word))}
_ROW: Shape = {
    "amount": required(bank_rows.money),
    "description": optional(text()),
    "date": optional(day),
    "authorized_date": optional(day, nullable=True),
    "currency": optional(bank_rows.currency_code),
    "pending": optional(flag),
    "account": optional(_word),
    "merchant_name": optional(_word, nullable=True),
    "category": optional(bank_rows.detailed_category),
    "pending_transaction_id": optional(_word, nullable=True),
    **_RAW,
}


def purchases(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """A purchase (or, with a negative amount, a refund) at the user's bank."""
    item = views.item_of(world, ask)
    entry = bank_rows.purchase(world, item, ask)
    bank.add(world, item, [entry], notify=ask.get("notify", True))
    return {
        "transaction": wire.Verbatim(entry.body or ""),
        "item_id": item["item_id"],
        "held": not bank.is_visible(item),
    }


def transactions(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Many rows at once: `rows` as they are, or `count` believable ones."""
    item = views.item_of(world, ask)
    if ("rows" in ask) == ("count" in ask):
        raise PlaidError("INVALID_FIELD", "exactly one of rows and count must be given")
    notify = ask.get("notify", True)
    if "rows" in ask:
        made = bank_rows.explicit(world, item, ask["rows"])
        bank.add(world, item, made, notify=notify)
        ids = [entry.transaction_id for entry in made]
    else:
        ids = bank.add_many(world, item, bank_rows.generated(world, item, ask), notify=notify)
    return {"transaction_ids": ids, "item_id": item["item_id"], "held": not bank.is_visible(item)}


def modify(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Changes a live transaction; without any field it is reported as modified, yet the same."""
    changed = bank_rows.changed_fields(ask)
    body = bank.modify(world, ask["transaction_id"], changed, notify=ask.get("notify", True))
    return {"transaction": body}


def remove(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Removes live transactions, as a bank drops a pending one."""
    bank.remove(world, ask["transaction_ids"], notify=ask.get("notify", True))
    return {"removed": ask["transaction_ids"]}


def post(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """A pending transaction posts under a new id."""
    body = bank.post(
        world,
        ask["transaction_id"],
        amount=bank_rows.exact(ask["amount"]) if "amount" in ask else None,
        day=date.fromisoformat(ask["date"]) if "date" in ask else None,
        name=ask.get("name"),
        link=ask.get("link", True),
        notify=ask.get("notify", True),
    )
    return {"transaction": body}


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


def clock(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Moves the stand-in's clock forward; `rate` are its seconds in a real one. Webhook signatures keep the machine's
    time."""
    rate = float(ask["rate"]) if "rate" in ask else None
    world.move_clock(timedelta(days=ask.get("days", 0), seconds=ask.get("seconds", 0)), rate)
    return {"now": wire.timestamp(world.clock.now()), "today": world.clock.today(), "rate": world.clock.rate}


def show_knobs(world: World, _ask: dict[str, Any]) -> dict[str, Any]:
    """All knobs as they stand."""
    return {"knobs": asdict(world.knobs)}


def turn_knobs(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Turns the knobs that are named; the others stay."""
    world.turn(ask)
    return show_knobs(world, {})


def show_limits(world: World, _ask: dict[str, Any]) -> dict[str, Any]:
    """The rate limits in force, and the calls counted in the current window."""
    knobs = world.knobs
    shown = limits.table(knobs.limits, knobs.own_limits)
    return {
        "published": knobs.limits,
        "seconds": knobs.limit_seconds,
        "limits": {path: {"item": item, "client": client} for path, (item, client) in shown.items()},
        "used": world.limiter.used(knobs.limit_seconds),
    }


def set_limits(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Sets the rate limits: a `published` table (`none` drops `own` too), `own` per endpoint over it, the window's
    `seconds`. Counting starts anew."""
    given: dict[str, Any] = {}
    if "published" in ask:
        given |= {"limits": ask["published"], "own_limits": {}}
    if "own" in ask:
        given["own_limits"] = ask["own"]
    if "seconds" in ask:
        given["limit_seconds"] = ask["seconds"]
    world.turn(given)
    world.limiter.forget()
    return show_limits(world, {})


def rotate_key(world: World, _ask: dict[str, Any]) -> dict[str, Any]:
    """A new key signs the webhooks from now on; the earlier ones have expired."""
    return {"key_id": signing.new_key(world.store, world.mint)}


def arm(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Arms one fault."""
    named = {name: value for name, value in ask.items() if name != "user"}
    if "seconds" in named:
        named["seconds"] = float(named["seconds"])
    if "user" in ask:
        named["item_id"] = views.item_of(world, ask)["item_id"]
    return {"fault": world.faults.arm(Fault(**named)).as_json()}


def faults(world: World, _ask: dict[str, Any]) -> dict[str, Any]:
    """The armed faults."""
    return {"faults": [fault.as_json() for fault in world.faults.listed()]}


def disarm(world: World, _ask: dict[str, Any]) -> dict[str, Any]:
    """Disarms all faults."""
    world.faults.clear()
    return {}


@dataclass(frozen=True)
class Admin:
    shape: Shape
    handler: Handler


_fault_shape: Shape = {
    "fault": required(one_of(*CALL_FAULTS, *WEBHOOK_FAULTS)),
    **_WHERE,
    "path": optional(one_of(*SERVED)),
    "after": optional(whole(0)),
    "times": optional(whole(1)),
    "page": optional(whole(1)),
    "seconds": optional(number),
    "when": optional(one_of("before", "after")),
    "status": optional(whole(400, 599)),
    **dict.fromkeys(("error_code", "error_type", "error_message", "webhook_code"), optional(_word)),
}
_credentials: Shape = {
    "link_token": required(_word),
    "institution_id": required(_word),
    "username": required(_word),
    "password": required(text()),
}

ADMIN: dict[tuple[str, str], Admin] = {
    ("POST", "/_local/purchases"): Admin({**_WHERE, **_ROW, "amount": optional(bank_rows.money), **_NOTIFY}, purchases),
    ("POST", "/_local/transactions"): Admin(
        {
            **_WHERE,
            **_NOTIFY,
            "rows": optional(each(nested(_ROW))),
            "count": optional(whole(1, 500_000)),
            "first_date": optional(day),
            "last_date": optional(day),
            "account": optional(_word),
        },
        transactions,
    ),
    ("GET", "/_local/transactions"): Admin(_WHERE, views.list_transactions),
    ("POST", "/_local/modify"): Admin(
        {
            "transaction_id": required(_word),
            **{name: field for name, field in _ROW.items() if name not in ("account", "amount", "without")},
            "amount": optional(bank_rows.money),
            **_NOTIFY,
        },
        modify,
    ),
    ("POST", "/_local/remove"): Admin({"transaction_ids": required(each(_word, least=1)), **_NOTIFY}, remove),
    ("POST", "/_local/post"): Admin(
        {
            "transaction_id": required(_word),
            "amount": optional(bank_rows.money),
            "date": optional(day),
            "name": optional(_word),
            "link": optional(flag),
            **_NOTIFY,
        },
        post,
    ),
    ("POST", "/_local/break"): Admin({**_WHERE, "error_code": optional(_word)}, break_login),
    ("POST", "/_local/repair"): Admin(_WHERE, repair),
    ("POST", "/_local/readiness"): Admin({**_WHERE, "to": required(one_of(*READINESS))}, readiness),
    ("POST", "/_local/clock"): Admin(
        {"days": optional(whole(0)), "seconds": optional(whole(0)), "rate": optional(knobs.seconds)}, clock
    ),
    ("GET", "/_local/limits"): Admin({}, show_limits),
    ("POST", "/_local/limits"): Admin(
        {
            "published": optional(one_of(*limits.PUBLISHED)),
            "own": optional(knobs.limit_table),
            "seconds": optional(knobs.seconds),
        },
        set_limits,
    ),
    ("GET", "/_local/knobs"): Admin({}, show_knobs),
    ("POST", "/_local/knobs"): Admin(knobs.SHAPE, turn_knobs),
    ("POST", "/_local/rotate-key"): Admin({}, rotate_key),
    ("POST", "/_local/faults"): Admin(_fault_shape, arm),
    ("GET", "/_local/faults"): Admin({}, faults),
    ("DELETE", "/_local/faults"): Admin({}, disarm),
    ("GET", "/_local/items"): Admin({}, views.list_items),
    ("GET", "/_local/requests"): Admin({}, views.list_requests),
    ("GET", "/_local/webhooks"): Admin({}, views.list_webhooks),
    ("GET", "/_local/health"): Admin({}, views.health),
    ("POST", "/_local/link/session"): Admin({"link_token": required(_word)}, link.session),
    ("POST", "/_local/link/preview"): Admin(_credentials, link.preview),
    ("POST", "/_local/link/connect"): Admin(_credentials, link.connect),
}

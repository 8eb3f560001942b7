"""The stand-in's own controls: clock, rate limits, knobs, signing keys, faults."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from local.plaid import knobs, limits, signing, timeline, views, wire
from local.plaid.admin_call import WHERE, Admin, Table, word
from local.plaid.endpoints import SERVED
from local.plaid.faults import CALL_FAULTS, WEBHOOK_FAULTS, Fault
from local.plaid.fields import Shape, anything, number, one_of, optional, required, whole
from local.plaid.world import World


def clock(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Moves the stand-in's clock forward; `rate` are its seconds in a real one. Webhook signatures keep the machine's
    time."""
    rate = float(ask["rate"]) if "rate" in ask else None
    timeline.catch_up(world)
    world.move_clock(timedelta(days=ask.get("days", 0), seconds=ask.get("seconds", 0)), rate)
    timeline.catch_up(world)
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


_fault_shape: Shape = {
    "fault": required(one_of(*CALL_FAULTS, *WEBHOOK_FAULTS)),
    **WHERE,
    "path": optional(one_of(*SERVED)),
    "after": optional(whole(0)),
    "times": optional(whole(1)),
    "page": optional(whole(1)),
    "seconds": optional(number),
    "field": optional(word),
    "value": optional(anything, nullable=True),
    "also": optional(one_of("removed", "modified", "added")),
    "copies": optional(whole(1, 100)),
    "when": optional(one_of("before", "after")),
    "status": optional(whole(400, 599)),
    **dict.fromkeys(("error_code", "error_type", "error_message", "webhook_code"), optional(word)),
}
TABLE: Table = {
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
}

"""Knobs: how the stand-in behaves for everybody until it is told otherwise; faults strike single calls instead.

One flat record, given at the start (`--knob name=value`), read and turned by `/_local/knobs`, kept with the data
folder. The defaults are what Plaid's Sandbox does, or nothing at all. The caller of `turn` holds the transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from local.plaid import wire
from local.plaid.errors import PlaidError
from local.plaid.fields import Field, Shape, check, flag, invalid, nested, number, one_of, optional, text, whole
from local.plaid.limits import PUBLISHED
from local.plaid.store import Store

_META = "knobs"


def chance(path: str, value: Any) -> None:
    """Checks a probability: a number from 0 to 1."""
    number(path, value)
    if not 0 <= value <= 1:
        raise invalid(path, "must be between 0 and 1")


def seconds(path: str, value: Any) -> None:
    """Checks a duration: a number of seconds, not negative."""
    number(path, value)
    if value < 0:
        raise invalid(path, "must not be negative")


def chances(path: str, value: Any) -> None:
    """Checks the chances of what may happen to a webhook."""
    nested(dict.fromkeys(("drop", "duplicate", "reorder", "delay"), optional(chance)))(path, value)


_most = optional(whole(0), nullable=True)


def limit_table(path: str, value: Any) -> None:
    """Checks limits of one's own: endpoint to `item` and `client`, calls per window, null for none."""
    if not isinstance(value, dict):
        raise invalid(path, "must be an object")
    for name, given in value.items():
        if not name.startswith("/"):
            raise invalid(f"{path}.{name}", "must be an endpoint")
        nested({"item": _most, "client": _most})(f"{path}.{name}", given)


@dataclass(frozen=True)
class Knobs:
    """Every knob with its default."""

    limits: str = "none"
    own_limits: dict[str, dict[str, int | None]] = field(default_factory=dict)
    limit_seconds: float = 60.0
    latency: float = 0.0
    page_size: int | None = None
    posting: bool = True
    bank_updates: bool = False
    login_days: int | None = 30
    consent_days: int | None = 180
    most_days: int | None = None
    webhook_chances: dict[str, float] = field(default_factory=dict)
    webhook_seed: str = ""
    webhook_delay: float = 5.0
    silence: bool = False


# What each may be, and what it does; docs/local-plaid.md prints the second.
TABLE: dict[str, tuple[Field, str]] = {
    "limits": (optional(one_of(*PUBLISHED)), "which published rate limits hold: `none`, `production`, `sandbox`"),
    "own_limits": (optional(limit_table), "limits of one's own over them: endpoint to `item` and `client`, per window"),
    "limit_seconds": (optional(seconds), "how long a window of the rate limits is"),
    "latency": (optional(seconds), "seconds that every call to Plaid's endpoints waits first"),
    "page_size": (
        optional(whole(1, 500), nullable=True),
        "the most rows of a sync page, whatever `count` asks",
    ),
    "posting": (optional(flag), "pending rows with a posting day post by themselves when the clock gets there"),
    "bank_updates": (optional(flag), "banks bring new rows one to four times a day as the clock goes on"),
    "login_days": (
        optional(whole(1), nullable=True),
        "days until a login must be renewed, as in the Sandbox; null: never",
    ),
    "consent_days": (optional(whole(1), nullable=True), "days until a consent at an EU or UK bank ends; null: never"),
    "most_days": (
        optional(whole(1), nullable=True),
        "the most days of history that a bank gives, whatever is asked for",
    ),
    "webhook_chances": (
        optional(chances),
        "chances (0 to 1) of a webhook's `drop`, `duplicate`, `reorder`, `delay`",
    ),
    "webhook_seed": (optional(text()), "the seed of these chances"),
    "webhook_delay": (optional(seconds), "the longest delay that `webhook_chances` give, in seconds"),
    "silence": (optional(flag), "no retries for an address that rejected over 90 % of ten or more deliveries in 24 h"),
}
SHAPE: Shape = {name: one for name, (one, _) in TABLE.items()}


def turned(knobs: Knobs, given: Mapping[str, Any]) -> Knobs:
    """The knobs with some of them turned; raises PlaidError for a name or a value that will not do."""
    check(SHAPE, given)
    plain: dict[str, Any] = json.loads(wire.dumps(dict(given)))
    return replace(knobs, **plain)


def load(store: Store, given: Mapping[str, Any]) -> Knobs:
    """The knobs of a starting stand-in: the folder's, then those it was started with. Raises ValueError."""
    kept = json.loads(store.value("select value from meta where key = ?", _META) or "{}")
    given, known = wire.loads(wire.dumps(dict(given))), {one.name for one in fields(Knobs)}
    try:
        return turned(Knobs(**{name: value for name, value in kept.items() if name in known}), given)
    except PlaidError as error:
        raise ValueError(f"knob {error.message}") from None


def save(store: Store, knobs: Knobs) -> None:
    """Keeps them; twice is safe."""
    store.keep(_META, json.dumps(asdict(knobs)))


def parse(text: str) -> tuple[str, Any]:
    """Reads `name=value` of the command line; the value is JSON, or else text."""
    name, _, value = text.partition("=")
    try:
        return name, wire.loads(value)
    except ValueError:
        return name, value

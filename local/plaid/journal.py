"""The request log: calls to Plaid's endpoints, their cursors and outcomes, never a token or a secret.

In memory; with a data folder also in the store, written when a call ends, so that it survives a restart.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.plaid.world import World

_TRIM_EVERY = 500


def begin(world: World, path: str) -> dict[str, Any]:
    """A new line, seen at once; the caller fills it in."""
    world.calls += 1
    record: dict[str, Any] = {"n": world.calls, "path": path, "status": 200, "error_code": None}
    world.requests.append(record)
    return record


def end(world: World, record: dict[str, Any]) -> None:
    """The call is over: its line is kept."""
    if world.config.data is None:
        return
    world.store.run("insert or replace into requests values (?, ?)", record["n"], json.dumps(record))
    if record["n"] % _TRIM_EVERY == 0:
        world.store.run("delete from requests where n <= ?", record["n"] - (world.requests.maxlen or 0))


def restore(world: World) -> None:
    """Goes on with the lines of the last run."""
    for row in world.store.each("select body from requests order by n"):
        world.requests.append(json.loads(row[0]))
    world.calls = world.requests[-1]["n"] if world.requests else 0

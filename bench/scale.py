"""The arithmetic to ten million users: `python -m bench.scale [users ...] [--set name=value] [--json]`.

Reads measured, published and assumed figures from bench/scale.json, each with its source, and tells for so many users:
the load on each part at its peak, how many units of it are needed, at how many users a single unit saturates (the first
to do so is named), what a month costs, and which figure moves the cost most. It measures nothing itself; docs/scale.md
says what to make of it. One JSON line on standard output, tables and bars for people on standard error.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.ground import publish

FIGURES = Path(__file__).with_suffix(".json")
_USERS = (10_000, 100_000, 1_000_000, 10_000_000)
_DAY, _MONTH_DAYS = 86_400, 30.4
_BAR = 30


class Figures(dict[str, float]):
    """Every figure by name."""

    def __getattr__(self, name: str) -> float:
        return self[name]


class Part(NamedTuple):
    """One part: its load per user, what one unit bears, whether more of them are only a count, what moves it."""

    name: str
    unit: str
    load_per_user: float
    capacity: float
    is_pool: bool
    moved_by: str

    def units(self, users: int) -> int:
        """Units that so many users need at the peak."""
        return max(1, math.ceil(users * self.load_per_user / self.capacity))

    @property
    def saturates_at(self) -> int:
        """The users that one unit bears."""
        return int(self.capacity / self.load_per_user)


def read_figures(changed: Mapping[str, float] = {}) -> Figures:
    """The figures of the file, some of them changed; raises KeyError for one that is none."""
    told = json.loads(FIGURES.read_text())
    figures = Figures({name: entry[0] for group in told.values() for name, entry in group.items()})
    for name, value in changed.items():
        if name not in figures:
            raise KeyError(name)
        figures[name] = value
    return figures


class Load(NamedTuple):
    """What one user does in a day, in Firestore's and the ledger's terms."""

    writes: float
    deletes: float
    reads: float
    commits: float
    ledger_commits: float
    dirty: float
    pulls: float


def load_of(f: Figures) -> Load:
    """One user's day. A pull with news writes its rows, a month, the head and the bank's document in one commit."""
    mirrored = f.updates_per_user_and_day + f.edits_per_user_and_day
    writes = f.rows_per_user_and_day + 3 * f.updates_per_user_and_day + 2 * f.edits_per_user_and_day
    opened = f.sessions_per_user_and_day * f.documents_per_session
    pulls = f.items_per_user * f.sync_calls_per_item_and_day
    return Load(
        writes=writes,
        deletes=f.rows_per_user_and_day,  # each row leaves the window one day
        reads=writes * f.open_pages_per_user + opened,
        commits=mirrored,
        # webhook and pull, the edit, the acknowledgement
        ledger_commits=2 * pulls + f.edits_per_user_and_day + mirrored,
        dirty=mirrored,
        pulls=pulls,
    )


def parts_of(f: Figures) -> list[Part]:
    """Every part that can saturate, with its load per user at the peak hour."""
    load, peak = load_of(f), f.peak_factor / _DAY
    process = min(
        f.mirror_documents_per_second / ((load.writes + load.deletes) / load.commits),
        f.commits_in_flight / (f.firestore_latency_ms / 1000),
    )
    worker = f.pulls_in_flight_per_worker / f.seconds_per_pull
    ledger = f.ledger_commits_per_second * f.ledger_factor
    bells = f.notifying_commits_per_second * f.ledger_factor
    use = f.utilisation
    return [
        Part("Plaid's rate limit", "calls a minute", load.pulls * peak * 60,
             f.plaid_sync_calls_per_minute, False, "contract with Plaid; FRESHNESS_PROMISE_HOURS"),
        Part("NOTIFY", "Postgres", load.dirty * peak, bells * use, False, "shards by user"),
        Part("ledger", "Aurora writer", load.ledger_commits * peak, ledger * use, False, "shards by user"),
        Part("mirror", "process", load.commits * peak, process * use, True, "MIRROR_CONCURRENCY; processes"),
        Part("worker", "worker", load.pulls * peak, worker * use, True, "workers"),
        Part("Firestore", "database", (load.writes + load.deletes) * peak, f.firestore_writes_per_second * use, False,
             "databases (100 per project); MIRROR_MONTH_INTERVAL_SECONDS"),
    ]  # fmt: skip


def cost_of(f: Figures, users: int) -> dict[str, float]:
    """A month in USD, by item; list prices, free operations not deducted, Plaid's own fees left out."""
    load, month = load_of(f), users * _MONTH_DAYS
    units = {part.name: part.units(users) for part in parts_of(f)}
    documents = f.rows_per_user_and_day * _MONTH_DAYS * f.window_months + 60
    stored = users * documents * (f.bytes_per_document + f.index_entries_per_document * 120) / 2**30
    return {
        "Firestore reads": load.reads * month * f.price_reads / 100_000,
        "Firestore writes": load.writes * month * f.price_writes / 100_000,
        "Firestore deletes": load.deletes * month * f.price_deletes / 100_000,
        "Firestore storage": stored * f.price_stored_gib_month,
        "ledger": units["ledger"] * f.price_aurora_shard_month,
        "processes": (units["mirror"] + units["worker"] + max(2, users // 100_000)) * f.price_process_month,
        "Redis": f.price_redis_month * units["ledger"],
        "sign-in": users * f.price_auth_user,
        "edge and the rest": users * f.price_edge_user,
    }


def moves(f: Figures, users: int) -> list[tuple[str, float]]:
    """By how much the cost changes when a figure doubles, the strongest first."""
    base = sum(cost_of(f, users).values())
    changed = {name: sum(cost_of(Figures({**f, name: 2 * f[name]}), users).values()) / base - 1 for name in f}
    return sorted(changed.items(), key=lambda one: -abs(one[1]))


def simulate(users: int, f: Figures) -> dict[str, Any]:
    """All of it for so many users."""
    parts, costs = parts_of(f), cost_of(f, users)
    first = min((part for part in parts if not part.is_pool), key=lambda part: part.saturates_at)
    return {
        "users": users,
        "saturatesFirst": {"part": first.name, "atUsers": first.saturates_at, "movedBy": first.moved_by},
        "parts": [
            {
                "part": part.name, "unit": part.unit, "peak": round(users * part.load_per_user, 1),
                "unitBears": round(part.capacity, 1), "units": part.units(users),
                "oneUnitBearsUsers": part.saturates_at, "movedBy": part.moved_by,
            }
            for part in parts
        ],
        "monthUSD": {name: round(amount) for name, amount in costs.items()},
        "monthUSDTotal": round(sum(costs.values())),
        "perUserUSD": round(sum(costs.values()) / users, 4),
        "doublingMovesCost": {name: round(share, 3) for name, share in moves(f, users)[:6]},
    }  # fmt: skip


def _show(told: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True, width=140)
    table = Table("part", "at the peak", "one bears", "units", "one bears users", "moved by", box=None,
                  title=f"{told['users']:,} users", title_justify="left")  # fmt: skip
    for part in told["parts"]:
        figures = (f"{part[name]:,}" for name in ("peak", "unitBears", "units", "oneUnitBearsUsers"))
        table.add_row(part["part"], *figures, part["movedBy"])
    console.print(table)
    first = told["saturatesFirst"]
    console.print(f"first to saturate: {first['part']} at {first['atUsers']:,} users", highlight=False)
    most = max(told["monthUSD"].values())
    for name, amount in sorted(told["monthUSD"].items(), key=lambda one: -one[1]):
        console.print(f"{name:>18} {amount:>10,} USD {'█' * round(_BAR * amount / most)}", highlight=False)
    console.print(f"{'a month':>18} {told['monthUSDTotal']:>10,} USD, {told['perUserUSD']} per user\n", highlight=False)


def main(arguments: Iterable[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench.scale")
    parser.add_argument("users", nargs="*", type=int, default=_USERS)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another figure")
    parser.add_argument("--json", action="store_true", help="no tables on standard error")
    asked = parser.parse_args(list(arguments))
    started = time.monotonic()
    changed = {name: float(value) for name, _, value in (one.partition("=") for one in asked.set)}
    try:
        figures = read_figures(changed)
    except KeyError as unknown:
        parser.error(f"there is no figure {unknown}")
    runs = [simulate(users, figures) for users in asked.users]
    if not asked.json:
        for run in runs:
            _show(run)
    publish("scale", started, changed=changed, runs=runs)


if __name__ == "__main__":
    main(sys.argv[1:])

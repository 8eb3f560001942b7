"""How late lost webhooks make the ledger, and what catching up costs: `python -m bench.freshness [items] [days]`.

A month on a virtual clock (bench/month.py) with the real sweep, pull and Postgres; 30 % of the webhooks are lost.
Beside it, by arithmetic over the same changes and losses: a pull at a fixed time after the last one, and polling
without webhooks.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from bench.ground import Ground, ground, publish
from bench.month import DAY, HOUR, START, Bank, Month, live_through, make_banks
from sync.pull.limits import LIMITS

_SEED = 20261201
_DROP = 0.3
_EVERY = timedelta(minutes=10)


def main(items: int, days: int) -> None:
    started = time.monotonic()
    month = Month(make_banks(items, days, _SEED))
    with ground() as bench:
        deps = bench.deps("worker", PLAID_URL="http://127.0.0.1:9", PLAID_CLIENT_ID="c", PLAID_SECRET="s",
                          REDIS_URL="redis://127.0.0.1:9/0")  # fmt: skip
        with Rows(bench) as sql:
            live_through(month, deps, sql, days=days, drop=_DROP, seed=_SEED, every=_EVERY)
            stored = sql("select count(*) from transactions where removed_at is null")[0][0]
        promise = deps.settings.freshness_promise_hours * HOUR
    calls = Counter(endpoint for (endpoint, _), times in month.calls.items() for _ in times)
    adaptive = _figures(month.late, calls["transactions_sync"])
    most = month.most_in_a_minute()
    publish(
        "freshness",
        started,
        seed=_SEED,
        items=items,
        days=days,
        webhooks={"sent": len(month.told) + len(month.lost), "lost": len(month.lost)},
        rows={"changes": sum(len(bank.changes) for bank in month.banks), "stored": stored},
        promise_hours=promise / HOUR,
        kept=max(month.late) <= promise,
        adaptive=adaptive | {"item_get": calls["item_get"]},
        twelve_hours_after_the_last_pull=_figures(*_fixed(month, days, 12 * HOUR)),
        nine_hours_after_the_last_pull=_figures(*_fixed(month, days, 9 * HOUR)),
        polling_every_9_hours=_figures(*_polled(month.banks, days, 9 * HOUR)),
        polling_every_hour=_figures(*_polled(month.banks, days, HOUR)),
        most_calls_in_a_minute={
            name: {"item": item, "of": LIMITS["production"][name].item, "client": client}
            for name, (item, client) in most.items()
        },
        states=Counter(state for states in month.states.values() for state in states),
    )


class Rows:
    """One connection to ask the ledger by."""

    def __init__(self, bench: Ground) -> None:
        self._connection = bench.connect()

    def __enter__(self) -> Any:
        cursor = self._connection.cursor()

        def sql(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

        return sql

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _figures(late: list[timedelta], calls: int) -> dict[str, float]:
    """Calls of /transactions/sync, and how late the changes whose webhook did not bring them came, in hours."""
    hours = sorted(one / HOUR for one in late if one > timedelta(minutes=1))
    return {
        "sync": calls,
        "late": len(hours),
        "p50": round(statistics.median(hours), 2),
        "p95": round(hours[int(0.95 * (len(hours) - 1))], 2),
        "max": round(hours[-1], 2),
    }


def _fixed(month: Month, days: int, after: timedelta) -> tuple[list[timedelta], int]:
    """A pull with every webhook that came, and `after` the last pull."""
    late, calls = [], 0
    told = {token: sorted(at for who, at in month.told if who == token) for token, _ in month.told}
    for bank in month.banks:
        pulls, at = [START], START
        for webhook in [*told.get(bank.token, []), START + days * DAY]:
            while at + after < webhook:
                at += after
                pulls.append(at)
            at = webhook
            pulls.append(at)
        calls += len(pulls) - 1
        late += _lateness(bank.changes, pulls)
    return late, calls


def _polled(banks: list[Bank], days: int, every: timedelta) -> tuple[list[timedelta], int]:
    """A pull `every` so often, at a moment of each item's own, and no webhooks."""
    chance, late, calls = random.Random(_SEED), [], 0
    for bank in banks:
        begins = START + chance.random() * every
        pulls = [begins + n * every for n in range(int(days * DAY / every))]
        calls += len(pulls)
        late += _lateness(bank.changes, pulls)
    return late, calls


def _lateness(changes: list[datetime], pulls: list[datetime]) -> list[timedelta]:
    late, pull = [], iter(pulls)
    now = next(pull)
    for at in changes:
        while now < at:
            now = next(pull, None) or now.max.replace(tzinfo=now.tzinfo)
        if now.year < 9999:
            late.append(now - at)
    return late


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    main(*(arguments + [200, 30][len(arguments) :]))

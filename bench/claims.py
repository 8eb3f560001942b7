"""What a claim costs after much churn that vacuum cannot clean up: `python -m bench.claims [keys] [rounds]`.

A transaction is held open, then so many documents of one owner are marked and acknowledged, 1,000 at a time: their dead
marks stay in table and index, for that transaction could still see them. Before and after, one marked document of that
owner, and one of an owner without churn, are claimed again and again: the lock, and the snapshot with its documents.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

from bench.ground import Ground, ground, publish, spread
from sync.mirror.changes import Acknowledgement, Version
from sync.mirror.claims import read_claims
from sync.mirror.session import Session, connect, connect_reading, snapshot
from sync.mirror.settling import acknowledge, clear_dirty
from sync.shapes.shapes import SHAPES

_AT_ONCE = 1_000
_CLAIMS = 200
_CHURNED, _STILL = "users/bench1", "users/bench2"
_MARK_ONE = """
select mark_documents(array[%(owner)s::text], array[%(owner)s || '/transactions/' || (
    select min(entry_id::text) from transactions where user_id = substr(%(owner)s, 7))])
"""
_MARK_MANY = """
select mark_documents(array_agg(%(owner)s::text), array_agg(%(owner)s || '/categories/' || n))
from generate_series(%(first)s, %(first)s + %(count)s - 1) as n
"""
_MARKS = "select path, epoch, number from changes where owner = %(owner)s"


def main(keys: int, rounds: int) -> None:
    started = time.monotonic()
    with ground() as bench, contextlib.ExitStack() as stack:
        bench.people(2, 300)
        mirror = _Mirror(bench, stack)
        for owner in (_CHURNED, _STILL):
            mirror.acknowledge(owner)
        bench.sql("vacuum analyze")
        figures: dict[str, list[float]] = {}
        for name in ("at the start", "after churn"):
            if name == "after churn":
                _hold_open(bench, stack)
                _churn(bench, mirror, keys)
            for owner, which in ((_CHURNED, "the churned owner"), (_STILL, "another owner")):
                bench.sql(_MARK_ONE, owner=owner)
                figures[f"{which}, {name}"] = [mirror.claim(owner) for _ in range(_CLAIMS * rounds)]
                mirror.acknowledge(owner)
    spreads = {name: spread([1000 * value for value in values]) for name, values in figures.items()}
    publish(
        "claims",
        started,
        churned_keys=keys,
        milliseconds=spreads,
        p50_ratio={
            which: round(spreads[f"{which}, after churn"]["p50"] / spreads[f"{which}, at the start"]["p50"], 2)
            for which in ("the churned owner", "another owner")
        },
    )


class _Mirror:
    """A mirror's connections, and the parts of its work that are measured."""

    def __init__(self, bench: Ground, stack: contextlib.ExitStack) -> None:
        url = bench.url("livespend_mirror")
        self._bench = bench
        self._session = stack.enter_context(contextlib.closing(Session(url)))
        self._reading = stack.enter_context(contextlib.closing(connect_reading(url)))
        self._writing = stack.enter_context(contextlib.closing(connect(url)))

    def claim(self, owner: str) -> float:
        started = time.perf_counter()
        assert self._session.take({owner: False}, 2_000)[0].marks == 1
        with snapshot(self._reading) as cursor:
            [claim] = read_claims(cursor, [owner], {}, SHAPES).claims
        seconds = time.perf_counter() - started
        assert len(claim.marks) == 1
        self._session.release([owner])
        return seconds

    def acknowledge(self, owner: str) -> None:
        marks = [(path, Version(*version)) for path, *version in self._bench.sql(_MARKS, owner=owner)]
        with self._writing, self._writing.cursor() as cursor:
            acknowledge(cursor, [Acknowledgement(owner, marks=marks)])
            assert clear_dirty(cursor, [owner]).clean == {owner}


def _hold_open(bench: Ground, stack: contextlib.ExitStack) -> Any:
    connection = stack.enter_context(contextlib.closing(bench.connect()))
    connection.autocommit = False
    connection.set_session(isolation_level="REPEATABLE READ")
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from changes")
    return connection


def _churn(bench: Ground, mirror: _Mirror, keys: int) -> None:
    for first in range(0, keys, _AT_ONCE):
        bench.sql(_MARK_MANY, owner=_CHURNED, first=first, count=_AT_ONCE)
        mirror.acknowledge(_CHURNED)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:])) if len(sys.argv) == 3 else main(60_000, 2)

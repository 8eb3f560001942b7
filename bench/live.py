"""Ledger commit → real Chromium's onSnapshot, in hops: `python -m bench.live [rounds] [bursts]`.

Arms, each once per round in shuffled order: the bare hop; a document and its month written straight to the local
Firestore; the same to the vendor's emulator, where it is on the machine; a category changed in the ledger and mirrored.
Forty people take turns, so that pacing is not what is measured. Then bursts: 500 rows in one ledger transaction until
the browser has all, against the same 500 documents in one commit straight to Firestore. A snapshot that never comes
ends the run with an error: there is no figure then.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import date
from typing import Any

from bench.chromium import Chromium, chromium
from bench.drain import DOCUMENT
from bench.ground import PROJECT, ROOT, Ground, child, ground, interleave, paired, publish, spread
from bench.hop import Hop
from bench.servers import local_firestore, vendors_emulator
from local.postgres import free_port
from sync.mirror.encode import encode, guarded
from sync.mirror.firestore import Firestore

_PEOPLE, _WARM_UP, _PAUSE = 40, 20, 0.01
_BURST = 500
_BURST_ROWS = """
with made as (insert into entries (user_id) select %(user)s from generate_series(1, %(rows)s) returning id)
insert into transactions (entry_id, user_id, source, amount, iso_currency, date, pending, name, bank_category_id)
select id, %(user)s, 'manual', 4.75, 'USD', %(day)s, false, 'Row ' || left(id::text, 8), 'TRAVEL' from made
"""


def main(rounds: int, bursts: int) -> None:
    started = time.monotonic()
    with ExitStack() as running:
        bench = running.enter_context(ground())
        port = running.enter_context(local_firestore()).port
        vendor = running.enter_context(vendors_emulator())
        noop = free_port()
        running.enter_context(child("bench.noop_firestore", str(noop)))
        screen = running.enter_context(chromium())
        bench.people(_PEOPLE + 2 * bursts + 2, 1)
        running.callback(_mirror(bench, port).terminate)
        arms: dict[str, Any] = {
            "hop": Hop(bench.url(), f"127.0.0.1:{noop}"),
            "write to browser": _Writes(screen, "local", port),
            "ledger to browser": _Edits(bench, screen, port),
        }
        if vendor is not None:
            arms["write to browser, vendor's emulator"] = _Writes(screen, "vendor", vendor.port)
        figures = interleave({name: _paced(arm) for name, arm in arms.items()}, rounds + _WARM_UP)
        burst = _bursts(bench, screen, port, bursts) if bursts else {}
    kept = {name: values[_WARM_UP:] for name, values in figures.items()}
    added = [a - b for a, b in zip(kept["ledger to browser"], kept["write to browser"], strict=True)]
    publish(
        "live",
        started,
        rounds=rounds,
        vendors_emulator=vendor is not None,
        milliseconds={name: spread(values) for name, values in kept.items()},
        hops={name: paired(values, kept["hop"]) for name, values in kept.items() if name != "hop"},
        added_by_ledger_and_mirror_in_hops=paired(added, kept["hop"]),
        p99_in_hops_p50=round(spread(kept["ledger to browser"])["p99"] / spread(kept["hop"])["p50"], 2),
        local_to_vendor=None
        if vendor is None
        else paired(kept["write to browser"], kept["write to browser, vendor's emulator"]),
        clock_drift_ms=screen.drift,
        **burst,
    )


def _mirror(bench: Ground, port: int) -> subprocess.Popen[bytes]:
    environment = os.environ | bench.variables | {"FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{port}"}
    return subprocess.Popen(
        [sys.executable, "-m", "workers.cli", "mirror"], cwd=ROOT, env=environment | {"LOG_LEVEL": "ERROR"}
    )


def _paced(arm: Any) -> Any:
    """A short pause before each call: hot loops hide what an idle line costs."""

    def call() -> float:
        time.sleep(_PAUSE)
        figure: float = arm()
        return figure

    return call


class _Edits:
    """A category changed in the ledger, by a person whose month was not written within the last second."""

    def __init__(self, bench: Ground, screen: Chromium, port: int) -> None:
        self._screen, self._ledger = screen, bench.connect()
        self._ledger.autocommit = False
        screen.connect("mirror", port)
        rows = bench.sql(
            "select e.user_id, e.id::text from entries as e where e.user_id = any (%(people)s)",
            people=[f"bench{number}" for number in range(1, _PEOPLE + 1)],
        )
        self._until_mirrored(bench)
        for user_id, entry_id in rows:
            screen.watch("mirror", f"users/{user_id}/transactions/{entry_id}")
        self._turns = itertools.cycle(rows)
        self._categories = itertools.cycle(["TRAVEL"] * len(rows) + ["MEDICAL"] * len(rows))

    def __call__(self) -> float:
        (user_id, entry_id), category = next(self._turns), next(self._categories)
        started = time.time() * 1000
        with self._ledger, self._ledger.cursor() as cursor:
            cursor.execute("update entries set user_category_id = %s where id = %s", (category, entry_id))
        told = self._screen.wait("mirror", f"users/{user_id}/transactions/{entry_id}", category=category)
        return told.at - started

    @staticmethod
    def _until_mirrored(bench: Ground) -> None:
        until = time.monotonic() + 60
        while bench.sql("select count(*) from changes") != [(0,)]:
            if time.monotonic() > until:
                raise RuntimeError("the mirror does not come to rest")
            time.sleep(0.05)


class _Writes:
    """A transaction and a month written in one bare commit, no ledger and no mirror behind."""

    def __init__(self, screen: Chromium, name: str, port: int) -> None:
        self._screen, self._name = screen, name
        self._client = Firestore(project=PROJECT, emulator_host=f"127.0.0.1:{port}")
        screen.connect(name, port)
        self._turns = itertools.cycle(range(_PEOPLE))
        self._count = itertools.count(1)
        self._times: dict[str, Any] = {}
        for seat in range(_PEOPLE):
            self._write(seat, 0)
            screen.watch(name, self._path(seat))

    def __call__(self) -> float:
        seat, stamp = next(self._turns), next(self._count)
        started = time.time() * 1000
        self._write(seat, stamp)
        return self._screen.wait(self._name, self._path(seat), stamp=stamp).at - started

    @staticmethod
    def _path(seat: int) -> str:
        return f"bare/{seat}/transactions/one"

    def _write(self, seat: int, stamp: int) -> None:
        paths = [self._path(seat), f"bare/{seat}/months/2026-11"]
        writes = [
            guarded(encode({**DOCUMENT, "stamp": stamp}), self._client.name(path), self._times.get(path))
            for path in paths
        ]
        committed = self._client.commit(writes)
        self._times.update(zip(paths, committed.update_times, strict=True))


def _bursts(bench: Ground, screen: Chromium, port: int, bursts: int) -> dict[str, Any]:
    client = Firestore(project=PROJECT, emulator_host=f"127.0.0.1:{port}")
    numbers, ledger = itertools.count(_PEOPLE + 1), bench.connect()
    today = date.today().replace(day=15)  # noqa: DTZ011 - any day of the month that the window ends with
    month = f"{today:%Y-%m}"

    def mirrored() -> float:
        user = f"bench{next(numbers)}"
        path = f"users/{user}/transactions"
        screen.watch_all("mirror", path, month, _BURST)
        started = time.time() * 1000
        with ledger.cursor() as cursor:
            cursor.execute(_BURST_ROWS, {"user": user, "rows": _BURST, "day": today})
        return screen.wait("mirror", path).at - started

    def straight() -> float:
        path = f"burst/{next(numbers)}/transactions"
        screen.watch_all("mirror", path, month, _BURST)
        document = {**DOCUMENT, "month": month}
        started = time.time() * 1000
        client.commit([guarded(encode(document), client.name(f"{path}/{n}"), None) for n in range(_BURST)])
        return screen.wait("mirror", path).at - started

    figures = interleave({"ledger": mirrored, "straight": straight}, bursts)
    return {
        "burst_milliseconds": {name: spread(values) for name, values in figures.items()},
        "burst_ratio": paired(figures["ledger"], figures["straight"]),
    }


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:])) if len(sys.argv) == 3 else main(200, 10)

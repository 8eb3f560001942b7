"""What the doorbell costs writers: commits per second on 8 connections, `python -m bench.doorbell [commits each]`.

Every arm writes one entry's note per commit, each connection its own person, so each commit marks one document.
`silent`: the owners stay dirty, nobody is told. `notify in every commit`: what a naive outbox does. `on turning dirty`:
the product's way, with a mirror that keeps cleaning up behind the writers.
"""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier

import psycopg2

from bench.ground import Ground, child, ground, interleave, paired, publish, spread
from local.postgres import free_port
from sync.mirror import Mirror

_CONNECTIONS = 8
_ROUNDS = 5


def main(commits: int) -> None:
    started, noop = time.monotonic(), free_port()
    with ground() as bench, child("bench.noop_firestore", str(noop)):
        bench.people(_CONNECTIONS, 1)
        arms = {
            "silent": lambda: _commits_per_second(bench, commits, notify=False),
            "notify in every commit": lambda: _commits_per_second(bench, commits, notify=True),
            "on turning dirty, mirror running": lambda: _with_mirror(
                bench, f"127.0.0.1:{noop}", lambda: _commits_per_second(bench, commits, notify=False)
            ),
            "in every commit, mirror running": lambda: _with_mirror(
                bench, f"127.0.0.1:{noop}", lambda: _commits_per_second(bench, commits, notify=True)
            ),
        }
        figures = interleave(arms, _ROUNDS)
    publish(
        "doorbell",
        started,
        connections=_CONNECTIONS,
        commits_per_second={name: spread(values) for name, values in figures.items()},
        ratio_to_silent={n: paired(v, figures["silent"]) for n, v in figures.items() if n != "silent"},
    )


def _with_mirror(bench: Ground, address: str, measure: Callable[[], float]) -> float:
    mirror = Mirror(bench.deps("mirror", FIRESTORE_EMULATOR_HOST=address))
    running = threading.Thread(target=mirror.run)
    running.start()
    try:
        return measure()
    finally:
        mirror.stop()
        running.join(60)


def _commits_per_second(bench: Ground, commits: int, *, notify: bool) -> float:
    barrier = multiprocessing.Barrier(_CONNECTIONS + 1)
    writers = [
        multiprocessing.Process(target=_write, args=(bench.url(), f"bench{n + 1}", commits, notify, barrier))
        for n in range(_CONNECTIONS)
    ]
    for writer in writers:
        writer.start()
    barrier.wait()
    started = time.perf_counter()
    for writer in writers:
        writer.join()
    assert all(writer.exitcode == 0 for writer in writers)
    return _CONNECTIONS * commits / (time.perf_counter() - started)


def _write(url: str, user: str, commits: int, notify: bool, barrier: Barrier) -> None:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute("select id from entries where user_id = %s limit 1", (user,))
        (entry,) = cursor.fetchone() or (None,)
    barrier.wait()
    for number in range(commits):
        with connection, connection.cursor() as cursor:
            cursor.execute("update entries set note = %s where id = %s", (f"note {number}", entry))
            if notify:
                cursor.execute("select pg_notify('bench_naive', %s)", (user,))


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)

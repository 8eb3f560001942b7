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
from multiprocessing.connection import Connection

import psycopg2

from bench.ground import Ground, child, ground, interleave, paired, publish, spread
from local.postgres import free_port
from sync.mirror import Mirror

_CONNECTIONS = 8
_ROUNDS = 5


def main(commits: int) -> None:
    started, noop = time.monotonic(), free_port()
    writers = [_Writer(f"bench{number + 1}") for number in range(_CONNECTIONS)]  # forked before there is any thread
    with ground() as bench, child("bench.noop_firestore", str(noop)):
        bench.people(_CONNECTIONS, 1)

        def measure(*, notify: bool) -> float:
            return _commits_per_second(writers, bench.url(), commits, notify=notify)

        def with_mirror(*, notify: bool) -> float:
            return _with_mirror(bench, f"127.0.0.1:{noop}", lambda: measure(notify=notify))

        arms = {
            "silent": lambda: measure(notify=False),
            "notify in every commit": lambda: measure(notify=True),
            "on turning dirty, mirror running": lambda: with_mirror(notify=False),
            "in every commit, mirror running": lambda: with_mirror(notify=True),
        }
        figures = interleave(arms, _ROUNDS)
    for writer in writers:
        writer.stop()
    publish(
        "doorbell",
        started,
        connections=_CONNECTIONS,
        commits_per_second={name: spread(values) for name, values in figures.items()},
        ratio_to_silent={n: paired(v, figures["silent"]) for n, v in figures.items() if n != "silent"},
    )


class _Writer:
    """One person's client in a process of its own; does as many commits as it is told."""

    def __init__(self, user: str) -> None:
        self.orders, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_serve, args=(user, theirs), daemon=True)
        self._process.start()

    def stop(self) -> None:
        self.orders.send(None)
        self._process.join(10)


def _with_mirror(bench: Ground, address: str, measure: Callable[[], float]) -> float:
    mirror = Mirror(bench.deps("mirror", FIRESTORE_EMULATOR_HOST=address))
    running = threading.Thread(target=mirror.run)
    running.start()
    try:
        return measure()
    finally:
        mirror.stop()
        running.join(60)


def _commits_per_second(writers: list[_Writer], url: str, commits: int, *, notify: bool) -> float:
    for writer in writers:
        writer.orders.send((url, commits, notify))
    for writer in writers:
        assert writer.orders.recv() == "connected"
    started = time.perf_counter()
    for writer in writers:
        writer.orders.send("go")
    for writer in writers:
        assert writer.orders.recv() == "done"
    return len(writers) * commits / (time.perf_counter() - started)


def _serve(user: str, orders: Connection) -> None:
    while (order := orders.recv()) is not None:
        url, commits, notify = order
        connection = psycopg2.connect(url)
        with connection, connection.cursor() as cursor:
            cursor.execute("select id from entries where user_id = %s limit 1", (user,))
            (entry,) = cursor.fetchone() or (None,)
        orders.send("connected")
        orders.recv()
        for number in range(commits):
            with connection, connection.cursor() as cursor:
                cursor.execute("update entries set note = %s where id = %s", (f"note {number}", entry))
                if notify:
                    cursor.execute("select pg_notify('bench_naive', %s)", (user,))
        connection.close()
        orders.send("done")


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)

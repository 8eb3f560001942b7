"""What the doorbell costs writers: commits per second, `python -m bench.doorbell [commits each] [connections]`.

Every arm writes one entry's note per commit, each connection its own person, so each commit marks one document.
`silent`: the owners stay dirty, nobody is told. `notify in every commit`: what a naive outbox does. `on turning dirty`:
the product's way, with a mirror that keeps cleaning up behind the writers. `by redis`: MIRROR_DOORBELL=redis, the
writer publishes after its commit what the trigger's NOTICE named. `every commit turns dirty`: the owners are made clean
before each commit, so that each has to ring: what a bell itself costs, without a mirror.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import psycopg2

from bench.ground import Ground, child, ground, interleave, paired, publish, spread
from local import valkey
from local.postgres import free_port
from sync.mirror.doorbell import Bell, Notices
from sync.mirror.mirror import Mirror

_ROUNDS = 5


def main(commits: int, connections: int) -> None:
    started, noop = time.monotonic(), free_port()
    writers = [_Writer(f"bench{number + 1}") for number in range(connections)]  # forked before there is any thread
    with ground() as bench, child("bench.noop_firestore", str(noop)), _broker() as broker:
        bench.people(connections, 1)

        def measure(way: str) -> float:
            return _commits_per_second(writers, bench.url(), commits, Order(way, broker))

        def with_mirror(way: str) -> float:
            doorbell = {"MIRROR_DOORBELL": "redis", "REDIS_URL": broker} if way == "redis" else {}
            return _with_mirror(bench, f"127.0.0.1:{noop}", doorbell, lambda: measure(way))

        arms = {
            "silent": lambda: measure("dirty"),
            "notify in every commit": lambda: measure("every"),
            "on turning dirty, mirror running": lambda: with_mirror("dirty"),
            "in every commit, mirror running": lambda: with_mirror("every"),
            "by redis, mirror running": lambda: with_mirror("redis"),
            "every commit turns dirty, notify": lambda: measure("clean"),
            "every commit turns dirty, redis": lambda: measure("clean redis"),
        }
        figures = interleave(arms, _ROUNDS)
    for writer in writers:
        writer.stop()
    publish(
        "doorbell",
        started,
        connections=connections,
        commits_per_second={name: spread(values) for name, values in figures.items()},
        ratio_to_silent={n: paired(v, figures["silent"]) for n, v in figures.items() if n != "silent"},
        redis_to_notify=paired(figures["every commit turns dirty, redis"], figures["every commit turns dirty, notify"]),
    )


class Order(NamedTuple):
    """How a writer rings: on turning `dirty`, in `every` commit, by `redis`; `clean` before each commit."""

    way: str
    broker: str


@contextlib.contextmanager
def _broker() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="livespend-bell-"))
    server = valkey.start(folder)
    try:
        yield server.url()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


class _Writer:
    """One person's client in a process of its own; does as many commits as it is told."""

    def __init__(self, user: str) -> None:
        self.orders, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_serve, args=(user, theirs), daemon=True)
        self._process.start()

    def stop(self) -> None:
        self.orders.send(None)
        self._process.join(10)


def _with_mirror(bench: Ground, address: str, doorbell: dict[str, str], measure: Callable[[], float]) -> float:
    mirror = Mirror(bench.deps("mirror", FIRESTORE_EMULATOR_HOST=address, **doorbell))
    running = threading.Thread(target=mirror.run)
    running.start()
    try:
        return measure()
    finally:
        mirror.stop()
        running.join(60)


def _commits_per_second(writers: list[_Writer], url: str, commits: int, order: Order) -> float:
    for writer in writers:
        writer.orders.send((url, commits, order))
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
        url, commits, (way, broker) = order
        connection = psycopg2.connect(url)
        bell = Bell(broker) if "redis" in way else None
        notices = connection.notices = Notices()
        with connection, connection.cursor() as cursor:
            cursor.execute("select id from entries where user_id = %s limit 1", (user,))
            (entry,) = cursor.fetchone() or (None,)
        orders.send("connected")
        orders.recv()
        for number in range(commits):
            with connection, connection.cursor() as cursor:
                if "clean" in way:
                    cursor.execute("update owners set dirty = false where owner = %s", (f"users/{user}",))
                cursor.execute(
                    "update entries set note = %s where id = %s and set_config('app.doorbell', %s, true) is not null",
                    (f"{way} {number}", entry, "redis" if bell else ""),
                )
                if way == "every":
                    cursor.execute("select pg_notify('bench_naive', %s)", (user,))
            if bell is not None:
                bell.ring(notices.owners)
                notices.owners.clear()
        connection.close()
        if bell is not None:
            bell.close()
        orders.send("done")


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300, int(sys.argv[2]) if len(sys.argv) > 2 else 8)

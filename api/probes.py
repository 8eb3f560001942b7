"""Is what this process needs there? Short looks at Postgres, Redis and Firestore, each bounded in time.

Only the database decides readiness: without it nothing can be served. Redis carries doorbells that a sweep replaces,
and Firestore is written by the mirror, not by this process; if one of them is away, edits go on and arrive later,
which the answer says. A look that hangs is abandoned; its thread ends by its own time limit.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import redis

from sync.db import transaction
from sync.deps import Deps
from sync.settings import Settings

PATIENCE_SECONDS = 1.5
CONSEQUENCES = {
    "database": "Nothing can be read or edited.",
    "redis": "Work waits for the sweep instead of starting at once.",
    "firestore": "Edits go on; open screens catch up when it is back.",
}


@dataclass(frozen=True)
class Finding:
    """What one look found."""

    ok: bool
    milliseconds: float | None
    means: str | None


class Probes:
    """The looks of one application, run side by side."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._threads = ThreadPoolExecutor(max_workers=6, thread_name_prefix="probe")

    def look(self) -> dict[str, Finding]:
        """Answers within about `PATIENCE_SECONDS`, whatever hangs."""
        looks: dict[str, Callable[[], object]] = {
            "database": self._database,
            "redis": self._redis,
            "firestore": self._firestore,
        }
        running = {name: self._threads.submit(timed, look) for name, look in looks.items()}
        wait(running.values(), timeout=PATIENCE_SECONDS)
        return {name: finding(name, future) for name, future in running.items()}

    def close(self) -> None:
        """Waits for no look; closing twice is safe."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _database(self) -> None:
        with transaction(self._deps.engine, statement_seconds=PATIENCE_SECONDS):
            pass

    def _redis(self) -> None:
        patience = {"socket_connect_timeout": PATIENCE_SECONDS, "socket_timeout": PATIENCE_SECONDS}
        with redis.Redis.from_url(self._deps.settings.redis_url, **patience) as client:
            client.ping()

    def _firestore(self) -> None:
        with socket.create_connection(firestore_address(self._deps.settings), timeout=PATIENCE_SECONDS):
            pass


def timed(look: Callable[[], object]) -> float:
    """Milliseconds that a look took."""
    started = time.perf_counter()
    look()
    return round((time.perf_counter() - started) * 1000, 1)


def finding(name: str, future: Future[float]) -> Finding:
    """What a look found, or that it found nothing in time."""
    if future.done() and not future.cancelled() and future.exception() is None:
        return Finding(True, future.result(), None)
    future.cancel()
    return Finding(False, None, CONSEQUENCES[name])


def firestore_address(settings: Settings) -> tuple[str, int]:
    """Where Firestore listens."""
    host, _, port = (settings.firestore_emulator_host or "firestore.googleapis.com:443").rpartition(":")
    return host, int(port)

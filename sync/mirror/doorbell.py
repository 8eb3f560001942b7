"""The mirror's other doorbell: Redis pub/sub instead of NOTIFY, switched by MIRROR_DOORBELL.

NOTIFY takes one lock of the whole cluster while its transaction commits; with many committers that is what they wait
for. A door that rings Redis tells so in its transaction (`app.doorbell`): the marking trigger then answers the owners
that turned dirty by a NOTICE on the writer's own connection, and the writer publishes them after COMMIT. Whoever does
not tell (psql, a migration) still rings NOTIFY, which the mirror goes on listening to. A bell is latency only: a writer
that dies between COMMIT and PUBLISH, or a Redis that is wiped or away, leaves a dirty owner whom the next sweep finds;
whoever hears again after a silence sweeps first (docs/consistency.md, rule 1.6). `Bell` is called by db.py, `Ears` by
the mirror.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection
from queue import Empty, SimpleQueue
from typing import Any

import redis

from sync import log
from sync.mirror.pacing import backoff

CHANNEL = "livespend:dirty"
_NOTICE = "livespend_dirty "
_PATIENCE_SECONDS = 0.25
_QUIET_SECONDS = 5.0
_HEARTBEAT_SECONDS = 5.0


class Bell:
    """Rings for owners. Safe to share between threads; connects at the first ring, after any fork."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url, socket_timeout=_PATIENCE_SECONDS, socket_connect_timeout=_PATIENCE_SECONDS
        )
        self._quiet_until = 0.0

    def ring(self, owners: Collection[str]) -> None:
        """Tells every listening mirror; never raises. A Redis that does not answer is left alone for seconds."""
        if not owners or time.monotonic() < self._quiet_until:
            return
        try:
            self._redis.publish(CHANNEL, json.dumps(sorted(owners)))
        except redis.RedisError as error:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            log.get(__name__).warning("doorbell_lost", task="mirror", reason=type(error).__name__)

    def close(self) -> None:
        """Closes its connections. Twice is safe."""
        self._redis.close()


class Notices:
    """Takes the place of a connection's list of notices, and keeps the owners that the marking trigger named.

    No list on purpose: SQLAlchemy logs and empties what can be iterated, after every statement.
    """

    def __init__(self) -> None:
        self.owners: set[str] = set()

    def append(self, notice: str) -> None:
        """Called by the driver for each notice, of whatever kind."""
        _, found, named = notice.partition(_NOTICE)
        if found:
            self.owners |= set(json.loads(named.splitlines()[0]))


class Ears:
    """A thread that hears the bells; `wake` is called when there is something to collect."""

    def __init__(self, url: str, wake: Callable[[], None]) -> None:
        self._redis = redis.Redis.from_url(url, socket_connect_timeout=2.0, socket_keepalive=True)
        self._wake = wake
        self._owners: SimpleQueue[str] = SimpleQueue()
        self._deaf = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror-ears", daemon=True)
        self._thread.start()

    def rung(self) -> set[str]:
        """The owners that turned dirty since the last call."""
        owners: set[str] = set()
        try:
            while True:
                owners.add(self._owners.get_nowait())
        except Empty:
            return owners

    def missed(self) -> bool:
        """Whether bells may have been missed since the last call: listening has only just begun (again)."""
        missed = self._deaf.is_set()
        self._deaf.clear()
        return missed

    def close(self) -> None:
        """Ends the thread. Twice is safe."""
        self._ended.set()
        self._thread.join()
        self._redis.close()

    def _run(self) -> None:
        failures = 0
        while not self._ended.is_set():
            try:
                with self._redis.pubsub() as channel:  # type: ignore[no-untyped-call]
                    channel.subscribe(CHANNEL)
                    self._hear(channel)
                failures = 0
            except redis.RedisError as error:
                failures += 1
                log.get(__name__).warning("doorbell_unreachable", reason=type(error).__name__, failures=failures)
                self._ended.wait(0.1 + backoff(failures, most=5.0))

    def _hear(self, channel: Any) -> None:
        """Hears until it is to end; raises redis.RedisError when cut off. A silent line is asked now and then."""
        asked = time.monotonic()
        while not self._ended.is_set():
            told = channel.get_message(timeout=0.5)
            if told is None:
                if time.monotonic() - asked > _HEARTBEAT_SECONDS:
                    asked = time.monotonic()
                    channel.ping()
            elif told["type"] == "subscribe":
                self._deaf.set()
                self._wake()
            elif told["type"] == "message":
                for owner in json.loads(told["data"]):
                    self._owners.put(owner)
                self._wake()

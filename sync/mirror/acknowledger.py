"""The acknowledger: a thread with a connection of its own that tells the ledger what has been shown.

While the mirror reads and builds the next claims, what came back from Firestore is written here: everything that waits
goes into one transaction, which then clears the dirty flags of its owners (docs/consistency.md, rules 1.4, 4.1, 4.2
and 4.4). An owner is not claimed again before it came back from here; that spares refusals, nothing relies on it.
A lost connection is opened again and the same batch is written once more: acknowledging twice is safe. Called by
mirror.py.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from sync import log
from sync.mirror.changes import Acknowledgement, Connection
from sync.mirror.meter import Meter
from sync.mirror.pacing import backoff
from sync.mirror.session import CUT_OFF, KEY_BY_KEY, connect
from sync.mirror.settling import Settled, acknowledge, clear_dirty
from sync.passports import measure_hops, note_hops
from sync.shapes.shapes import note_turned
from sync.steps import step

_BATCH_DOCUMENTS = 10_000


class Closed(NamedTuple):
    """What became of a batch: its acknowledgements, all in, and the dirty flags of its owners."""

    done: list[Acknowledgement]
    flags: Settled


class Acknowledger:
    """Takes acknowledgements and owners to look at; answers them as `Closed`, and calls `wake` when there are any."""

    def __init__(self, url: str, wake: Callable[[], None], meter: Meter) -> None:
        self._url, self._wake, self._meter = url, wake, meter
        self._waiting: deque[Acknowledgement] = deque()
        self._unchecked: set[str] = set()
        self._closed: deque[Closed] = deque()
        self._error: Exception | None = None
        self._ended = False
        self._changed = threading.Condition()
        self._connection: Connection | None = None
        self._log = log.get(__name__)
        self._thread = threading.Thread(target=self._run, name="mirror-acknowledge", daemon=True)

    def start(self) -> None:
        """Begins; what was put before waits until then."""
        self._thread.start()

    def put(self, done: Acknowledgement) -> None:
        """Has this written soon, and then its owner's flag looked at."""
        with self._changed:
            self._waiting.append(done)
            self._changed.notify()

    def check(self, owner: str) -> None:
        """Has the flag of an owner without claimable marks looked at."""
        with self._changed:
            self._unchecked.add(owner)
            self._changed.notify()

    def collect(self) -> list[Closed]:
        """Answers what has been written since the last call; raises what the thread could not help."""
        if self._error is not None:
            raise self._error
        closed = []
        with contextlib.suppress(IndexError):
            while True:
                closed.append(self._closed.popleft())
        return closed

    def close(self) -> None:
        """Writes what waits, if the ledger can be reached at once, and ends. Once, after `start`."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    # --- the thread ---

    def _run(self) -> None:
        try:
            while self._wait():
                self._work()
        except Exception as error:
            self._error = error
            self._wake()
        finally:
            self._disconnect()

    def _wait(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._unchecked or self._ended)
            return bool(self._waiting or self._unchecked)

    def _work(self) -> None:
        batch, owners = self._take()
        failures = 0
        while True:
            try:
                self._closed.append(Closed(batch, self._write(batch, owners)))
                self._wake()
                return
            except CUT_OFF as error:
                failures += 1
                self._log.warning("acknowledgement_delayed", reason=str(error).strip(), failures=failures)
                self._disconnect()
            if self._pause(failures):
                return

    def _take(self) -> tuple[list[Acknowledgement], set[str]]:
        """All that waits, up to a transaction of reasonable size."""
        with self._changed:
            batch: list[Acknowledgement] = []
            documents = 0
            while self._waiting and documents < _BATCH_DOCUMENTS:
                batch.append(self._waiting.popleft())
                documents += len(batch[-1].marks)
            owners, self._unchecked = self._unchecked, set()
            return batch, owners | {done.owner for done in batch}

    def _pause(self, failures: int) -> bool:
        """Waits before the next try; answers whether to give up, which leaves the marks to the next mirror."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ended, 0.1 + backoff(failures, most=5.0))

    def _write(self, batch: list[Acknowledgement], owners: set[str]) -> Settled:
        connection = self._connection = self._connection or connect(self._url, planning=KEY_BY_KEY)
        with connection, connection.cursor() as cursor:
            moved, traced = acknowledge(cursor, batch)
            # Whatever else belongs to an acknowledgement is written here, from the same batch.
            note_hops(cursor, batch, traced)
            self._meter.record(cursor, batch, moved)
            note_turned(cursor, [(done.owner, done.under) for done in batch])
            flags = clear_dirty(cursor, owners)
        measure_hops(batch, traced, datetime.now(UTC))
        if batch:
            step("mirror:acknowledged")
        return flags

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

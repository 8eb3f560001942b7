"""The mirror: a long-running loop that brings Firestore up to date with the ledger. Any number may run.

It listens for the doorbell, then sweeps for dirty owners: at start, after every reconnect and periodically. Each round
(rounds.py) takes owners, has builders claim their marks in one snapshot and plan one commit each (builders.py), and
hands that to a sending thread. What comes back is judged (verdicts.py) and acknowledged in the ledger by a thread of
its own (acknowledger.py) while the next round is built. A crash anywhere leaves the marks, and the next mirror finds by
reading what the dead one did. Nothing here decides what may be overwritten: that is plan.py, and Firestore itself.
Called by workers/mirror_process.py and by tests.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter

from sync.deps import Deps
from sync.mirror.pacing import Lanes, backoff
from sync.mirror.rounds import Rounds
from sync.mirror.session import CUT_OFF
from sync.mirror.shift import Shift
from sync.mirror.verdicts import Verdicts

_SWEEP_OWNERS = 5_000
_WITHOUT_LOCK_AFTER_SECONDS = 30.0


class Mirror:
    """One mirror. `run` blocks until `stop`; what is under way then is still acknowledged."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._shift = Shift(deps)
        self._rounds, self._verdicts = Rounds(self._shift), Verdicts(self._shift)
        self._rota, self._senders = self._shift.rota, self._shift.senders
        self._stopping = False
        self._next_sweep = 0.0

    @property
    def counts(self) -> Counter[str]:
        """What this mirror has done, by kind of outcome."""
        return self._shift.counts

    @property
    def lanes(self) -> Lanes:
        """How many commits may be in flight now."""
        return self._shift.lanes

    def stop(self) -> None:
        """Ends `run` soon. Safe from signal handlers and other threads, and twice."""
        self._stopping = True
        self._senders.wake()

    def run(self, *, until_clean: bool = False) -> None:
        """Mirrors until stopped, or until nothing is dirty. A lost database is reconnected to; bugs are raised.

        Runs once: a mirror that has returned is spent.
        """
        self._shift.acknowledger.start()
        self._shift.tell()
        try:
            self._live(until_clean)
            self._finish()
        finally:
            self._shift.acknowledger.close()
            self._shift.disconnect()
            self._shift.builders.close()
            if self._shift.ears is not None:
                self._shift.ears.close()
            self._senders.close()

    def _live(self, until_clean: bool) -> None:
        failures = 0
        while not self._stopping:
            try:
                self._shift.connect()
                self._next_sweep = 0.0
                self._shift.log.info("mirror_listening")
                failures = 0
                if self._work(until_clean):
                    return
            except CUT_OFF as error:
                failures += 1
                self._shift.log.warning("ledger_unreachable", reason=str(error).strip(), failures=failures)
                self._shift.disconnect()
                self._senders.wait(0.1 + backoff(failures, most=5.0))

    def _work(self, until_clean: bool) -> bool:
        while not self._stopping:
            self._listen()
            self._verdicts.collect()
            now = time.monotonic()
            if now >= self._next_sweep:
                self._sweep(now)
            self._rota.wake(now)
            self._rounds.work()
            if until_clean and self._rota.idle:
                if not self._shift.session.dirty(1, 0):
                    return True
                self._next_sweep = 0.0
        return False

    def _finish(self) -> None:
        """Judges what is under way; the senders end by their deadlines. What is judged, closing acknowledges."""
        with contextlib.suppress(*CUT_OFF):
            while self._rota.sent:
                self._senders.wait(1.0)
                self._verdicts.collect()

    # --- finding owners ---

    def _listen(self) -> None:
        session = self._shift.session
        # A query on this connection takes bells off the wire: select would not tell of them.
        rung = session.rung() | self._heard()
        self._senders.wait(0.0 if rung else self._timeout(), session.fileno())
        for owner in rung | session.rung() | self._heard():
            self._rota.add(owner)

    def _heard(self) -> set[str]:
        """What Redis rang; after a silence the next sweep comes at once."""
        ears = self._shift.ears
        if ears is None:
            return set()
        if ears.missed():
            self._next_sweep = 0.0
        return ears.rung()

    def _timeout(self) -> float:
        now = time.monotonic()
        wakes = [self._next_sweep]
        if (due := self._rota.next_due()) is not None:
            wakes.append(due)
        if self._rounds.possible:
            wakes.append(self._rounds.possible_at(now))
        return max(0.0, min(wakes) - now)

    def _sweep(self, now: float) -> None:
        for owner, overdue in self._shift.session.dirty(_SWEEP_OWNERS, _WITHOUT_LOCK_AFTER_SECONDS):
            self._rota.add(owner, overdue=overdue)
        self._next_sweep = now + self._deps.settings.sweep_seconds

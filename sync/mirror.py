"""The mirror: a long-running loop that brings Firestore up to date with the ledger. Any number may run.

It listens for the doorbell, then sweeps for dirty owners: at start, after every reconnect and periodically. Each round
takes owners, claims their marks in one snapshot, plans one commit per owner and hands it to a sending thread; what
comes back is acknowledged in one ledger transaction. A crash anywhere leaves the marks, and the next mirror finds by
reading what the dead one did. Nothing here decides what may be overwritten: that is plan.py, and Firestore itself.
Called by workers/mirror_process.py and by tests.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import psycopg2

from sync import log
from sync.changes import Acknowledgement
from sync.claims import REQUEST_WRITES
from sync.commits import Outcome, look, send
from sync.deps import Deps
from sync.firestore import Firestore
from sync.lines import CUT_OFF, Lines
from sync.pacing import Breaker, Lanes, Pace, backoff
from sync.plan import Claim, Plan, Stamp, make_plan
from sync.rota import Course, Rota
from sync.senders import Senders
from sync.steps import step

REQUEST_BYTES = 9 * 1024 * 1024
_SWEEP_OWNERS = 5_000
_TAKEN_ELSEWHERE_SECONDS = 1.0
_WITHOUT_LOCK_AFTER_SECONDS = 30.0
_COUNTER_BUSY_FIRST, _COUNTER_BUSY_MOST = 0.005, 0.25


class Mirror:
    """One mirror. `run` blocks until `stop`; what is under way then is still acknowledged."""

    def __init__(self, deps: Deps) -> None:
        assert deps.firestore is not None
        settings = deps.settings
        self._deps = deps
        self._url = deps.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._firestore: Firestore = deps.firestore
        self._log = log.get(__name__)
        self._senders = Senders(settings.mirror_concurrency)
        self._lanes, self._breaker = Lanes(settings.mirror_concurrency), Breaker()
        self._pace = Pace(settings.mirror_month_interval_seconds)
        self._stopping = False
        self._rota = Rota()
        self._settled: list[Acknowledgement] = []
        self._unchecked: set[str] = set()
        self._next_sweep = 0.0
        self._open: Lines | None = None
        self.counts: Counter[str] = Counter()

    # --- life ---

    def stop(self) -> None:
        """Ends `run` soon. Safe from signal handlers and other threads, and twice."""
        self._stopping = True
        self._senders.wake()

    def run(self, *, until_clean: bool = False) -> None:
        """Mirrors until stopped, or until nothing is dirty. A lost database is reconnected to; bugs are raised.

        Runs once: a mirror that has returned is spent.
        """
        try:
            self._live(until_clean)
            with contextlib.suppress(*CUT_OFF):
                self._finish()
        finally:
            self._disconnect()
            self._senders.close()

    def _live(self, until_clean: bool) -> None:
        failures = 0
        while not self._stopping:
            try:
                self._disconnect()
                self._open = Lines(self._url)
                self._next_sweep = 0.0
                self._log.info("mirror_listening")
                failures = 0
                if self._work(until_clean):
                    return
            except CUT_OFF as error:
                failures += 1
                self._log.warning("ledger_unreachable", reason=str(error).strip(), failures=failures)
                self._disconnect()
                self._senders.wait(0.1 + backoff(failures, most=5.0))

    @property
    def _lines(self) -> Lines:
        assert self._open is not None
        return self._open

    def _disconnect(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None
        self._rota.lose_locks()

    def _work(self, until_clean: bool) -> bool:
        while not self._stopping:
            self._listen()
            self._collect()
            now = time.monotonic()
            if now >= self._next_sweep:
                self._sweep(now)
            self._rota.wake(now)
            while self._round():
                pass
            if until_clean and self._rota.idle and not self._unchecked:
                if not self._lines.session.dirty(1, 0):
                    return True
                self._next_sweep = 0.0
        return False

    def _finish(self) -> None:
        """Acknowledges what is under way; the senders end by their deadlines."""
        while self._rota.under_way and self._open is not None:
            self._senders.wait(1.0)
            self._collect()

    # --- finding owners ---

    def _listen(self) -> None:
        session = self._lines.session
        rung = session.rung()  # a query on this connection takes bells off the wire: select would not tell of them
        self._senders.wait(0.0 if rung else self._timeout(), session.fileno())
        for owner in rung | session.rung():
            self._rota.add(owner)

    def _timeout(self) -> float:
        now = time.monotonic()
        wakes = [self._next_sweep]
        if (due := self._rota.next_due()) is not None:
            wakes.append(due)
        if self._rota.waiting and self._free() > 0:
            wakes.append(now if self._breaker.allows(now) else self._breaker.retry_at())
        return max(0.0, min(wakes) - now)

    def _sweep(self, now: float) -> None:
        for owner, overdue in self._lines.session.dirty(_SWEEP_OWNERS, _WITHOUT_LOCK_AFTER_SECONDS):
            self._rota.add(owner, overdue=overdue)
        self._next_sweep = now + self._deps.settings.sweep_seconds

    # --- one round ---

    def _free(self) -> int:
        """Commits that may be begun; a Firestore that is held to be down is asked one at a time."""
        width = self._lanes.width
        places = 1 if self._breaker.open else width if width < self._lanes.most else 2 * width
        return places - len(self._rota.under_way)

    def _round(self) -> bool:
        if not self._breaker.allows(time.monotonic()):
            return False
        picked = self._rota.pick(max(0, self._free()))
        if not picked:
            return False
        ready = self._read_first(self._take(picked))
        if ready:
            self._claim(ready)
        return True

    def _take(self, owners: list[str]) -> list[str]:
        """Takes owners that no other mirror works on; the overdue ones in any case, for the lock is efficiency only."""
        unlocked = [owner for owner in owners if not self._rota.course(owner).locked]
        locked = self._lines.session.take(unlocked) if unlocked else set()
        for owner in locked:
            self._rota.course(owner).locked = True
        taken = [owner for owner in owners if self._rota.course(owner).locked or self._rota.is_overdue(owner)]
        for owner in set(owners) - set(taken):
            self._rota.postpone(owner, time.monotonic() + _TAKEN_ELSEWHERE_SECONDS)
        return taken

    def _read_first(self, owners: list[str]) -> list[str]:
        """After an answer that never came, Firestore is read before the next snapshot is taken."""
        ready = []
        for owner in owners:
            unread = self._rota.course(owner).unread
            if unread:
                self._submit(owner, look, self._firestore, owner, dict(unread))
            else:
                ready.append(owner)
        return ready

    def _claim(self, owners: list[str]) -> None:
        try:
            rooms = {owner: self._rota.course(owner).room for owner in owners}
            claims, postponed = self._lines.claim(owners, rooms)
        except (psycopg2.Error, ValueError, ArithmeticError) as error:
            if isinstance(error, CUT_OFF) or len(owners) > 1:
                self._claim_alone(owners, error)
            else:
                self._log.error("claim_failed", owner=owners[0], reason=str(error).strip())
                self._fail(owners[0])
            return
        step("mirror:claimed")
        for owner in postponed:
            self._rota.again(owner)
        for claim in claims:
            self._commit(claim)
        self._settle()
        self._release(set(owners) - {claim.owner.owner for claim in claims} - set(postponed))

    def _claim_alone(self, owners: list[str], error: Exception) -> None:
        """A row that the claim cannot read must hold back its own user only; a lost connection everybody."""
        if isinstance(error, CUT_OFF):
            for owner in owners:
                self._rota.again(owner)
            raise error
        for owner in owners:
            self._claim([owner])

    def _commit(self, claim: Claim) -> None:
        owner = claim.owner.owner
        course = self._rota.course(owner)
        if not claim.marks:
            self._nothing_claimed(claim)
            return
        stamp = Stamp(self._deps.now(), secrets.token_hex(8))
        plan = make_plan(claim, course.observed, course.notes, stamp, self._firestore.name)
        size = plan.size()
        if plan.unread:
            self._submit(owner, look, self._firestore, owner, plan.unread)
        elif size > REQUEST_BYTES and len(claim.marks) > 1:
            course.room = max(1, len(claim.marks) * REQUEST_BYTES // size * 9 // 10)
            self._rota.again(owner)
        elif (waits := self._hot(claim, plan)) > 0:
            self._rota.postpone(owner, time.monotonic() + waits)
        elif plan.writes:
            step("mirror:built")
            stood_in = frozenset(parked.path for parked in plan.settled.parked)
            self._submit(owner, send, self._firestore, claim, plan, fresh=course.fresh, stood_in=stood_in)
        else:
            self._done(plan.settled)

    def _nothing_claimed(self, claim: Claim) -> None:
        """Marks that only a newer mirror understands wait for it; without any, the flag is cleared."""
        if claim.owner.marks:
            self._release([claim.owner.owner])
        else:
            self._unchecked.add(claim.owner.owner)

    def _hot(self, claim: Claim, plan: Plan) -> float:
        """Seconds for which an aggregate of this commit was written too recently: the whole pair waits."""
        now, wall = time.monotonic(), self._deps.now()
        waits = 0.0
        for write in plan.writes:
            if _is_aggregate(write.path):
                held = claim.held(write.path)
                moment = None if held is None or write.path == plan.owner else held.update_time
                waits = max(waits, self._pace.wait(write.path, moment, now, wall))
        return waits

    def _submit(self, owner: str, function: Callable[..., Outcome], *arguments: Any, **options: Any) -> None:
        self._rota.under_way.add(owner)
        self._senders.submit(owner, function, *arguments, **options)

    # --- what came back ---

    def _collect(self) -> None:
        for outcome in self._senders.collect():
            self._rota.under_way.discard(outcome.owner)
            self._judge(outcome, self._rota.course(outcome.owner))
        self._settle()

    def _judge(self, outcome: Outcome, course: Course) -> None:
        self.counts[outcome.kind] += 1
        if outcome.kind in ("unknown", "denied"):
            self._breaker.failed(time.monotonic())
        else:
            self._breaker.succeeded()
        if outcome.settled is not None:
            self._done(outcome.settled)
        elif outcome.kind == "read":
            self._observe(outcome, course)
        elif outcome.kind == "content":
            course.notes.update(outcome.notes)
            self._again(outcome.owner, course)
        elif outcome.kind == "too-large":
            course.room = max(1, min(course.room, 2 * REQUEST_WRITES) // 2)
            self._again(outcome.owner, course)
        else:
            if outcome.kind == "quota":
                self._lanes.exhausted()
            course.unread = {**course.unread, **outcome.unread}
            self._log.warning("commit_failed", owner=outcome.owner, kind=outcome.kind, reason=outcome.reason)
            self._fail(outcome.owner)

    def _done(self, settled: Acknowledgement) -> None:
        self._lanes.succeeded()
        if any(shown.path != settled.owner for shown in settled.shown):
            aggregates = [shown.path for shown in settled.shown if _is_aggregate(shown.path)]
            self._pace.wrote(aggregates, time.monotonic())
        self.counts["written"] += sum(not shown.held.deleted for shown in settled.shown)
        self.counts["deleted"] += sum(shown.held.deleted for shown in settled.shown)
        course = self._rota.course(settled.owner)
        course.failures, course.fresh, course.observed, course.notes = 0, False, {}, {}
        self._settled.append(settled)

    def _observe(self, outcome: Outcome, course: Course) -> None:
        course.observed, course.unread, course.fresh = outcome.observed, {}, outcome.invalid or course.fresh
        for path in outcome.drifted:
            self.counts["drift"] += 1
            self._log.warning("drift", owner=outcome.owner, path=path)
        self._again(outcome.owner, course)

    def _again(self, owner: str, course: Course) -> None:
        """At once the first times; then slower, since mirrors that only refuse each other's commits help nobody."""
        course.failures += 1
        if course.failures <= 3:
            self._rota.again(owner)
        else:
            self._rota.postpone(owner, time.monotonic() + backoff(course.failures - 3))

    def _fail(self, owner: str) -> None:
        course = self._rota.course(owner)
        course.failures += 1
        self._rota.postpone(owner, time.monotonic() + 0.05 + backoff(course.failures))

    # --- acknowledging ---

    def _settle(self) -> None:
        """Acknowledges in one transaction, clears dirty flags in another; a lost answer is made good by a read."""
        if self._settled:
            self._lines.acknowledge(self._settled)
            step("mirror:acknowledged")
            for settled in self._settled:
                self._unchecked.add(settled.owner)
                for parked in settled.parked:
                    self.counts["parked"] += 1
                    self._log.error("parked", owner=settled.owner, path=parked.path, reason=parked.message)
            self._settled = []
        if self._unchecked:
            state = self._lines.clear_dirty(self._unchecked)
            self._unchecked = set()
            self._release(state.clean)
            for owner in state.marked:
                self._rota.again(owner)
            for owner in state.busy:
                self._look_again(owner)

    def _look_again(self, owner: str) -> None:
        """A writer holds the counter: it will leave a mark, or nothing."""
        course = self._rota.course(owner)
        course.busy += 1
        pause = min(_COUNTER_BUSY_MOST, _COUNTER_BUSY_FIRST * 2 ** min(course.busy - 1, 10))
        self._rota.postpone(owner, time.monotonic() + pause)

    def _release(self, owners: Iterable[str]) -> None:
        locked = [owner for owner in owners if self._rota.leave(owner)]
        if locked:
            self._lines.session.release(locked)


def _is_aggregate(path: str) -> bool:
    segments = path.split("/")
    return len(segments) == 2 or segments[2] == "months"

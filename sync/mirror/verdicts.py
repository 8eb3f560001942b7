"""What the mirror makes of outcomes: acknowledge, read again, narrow, wait, or slow down for everybody.

Errors go by kind. An answer that says nothing about the documents (unreachable, denied) counts for the breaker; a
quota refusal narrows the lanes; both only delay the owner, with jitter. A refusal leads to a read and a new claim.
Also what the acknowledger answers: owners now clean are let go, those with marks left are taken again. Called by
mirror.py, in its thread.
"""

from __future__ import annotations

import time

from sync.mirror.acknowledger import Closed
from sync.mirror.changes import Acknowledgement
from sync.mirror.claims import REQUEST_WRITES
from sync.mirror.commits import Outcome
from sync.mirror.rota import Course
from sync.mirror.rounds import is_aggregate
from sync.mirror.shift import Shift

_COUNTER_BUSY_FIRST, _COUNTER_BUSY_MOST = 0.005, 0.25


class Verdicts:
    """Judges what came back to one mirror."""

    def __init__(self, shift: Shift) -> None:
        self._shift, self._rota = shift, shift.rota

    def collect(self) -> None:
        """Judges all that has come back since the last call, from Firestore and from the ledger."""
        for outcome in self._shift.senders.collect():
            self._rota.sent.discard(outcome.owner)
            self._judge(outcome, self._rota.course(outcome.owner))
        for closed in self._shift.acknowledger.collect():
            self._acknowledged(closed)

    def _judge(self, outcome: Outcome, course: Course) -> None:
        self._shift.counts[outcome.kind] += 1
        if outcome.kind in ("unknown", "denied"):
            self._shift.breaker.failed(time.monotonic())
        else:
            self._shift.breaker.succeeded()
        if outcome.settled is not None:
            self._settled(outcome.settled)
        elif outcome.kind == "read":
            self._observe(outcome, course)
        elif outcome.kind == "content":
            course.notes.update(outcome.notes)
            self._shift.again(outcome.owner, course)
        elif outcome.kind == "too-large":
            course.room = max(1, min(course.room, 2 * REQUEST_WRITES) // 2)
            self._shift.again(outcome.owner, course)
        else:
            if outcome.kind == "quota":
                self._shift.lanes.exhausted()
            course.unread = {**course.unread, **outcome.unread}
            self._shift.log.warning("commit_failed", owner=outcome.owner, kind=outcome.kind, reason=outcome.reason)
            self._shift.fail(outcome.owner)

    def _settled(self, settled: Acknowledgement) -> None:
        self._shift.lanes.succeeded()
        if any(shown.path != settled.owner for shown in settled.shown):
            aggregates = [shown.path for shown in settled.shown if is_aggregate(shown.path)]
            self._shift.pace.wrote(aggregates, time.monotonic())
        self._shift.settle(settled)

    def _observe(self, outcome: Outcome, course: Course) -> None:
        course.observed, course.unread, course.fresh = outcome.observed, {}, outcome.invalid or course.fresh
        for path in outcome.drifted:
            self._shift.counts["drift"] += 1
            self._shift.log.warning("drift", owner=outcome.owner, path=path)
        self._shift.again(outcome.owner, course)

    # --- what the ledger answered ---

    def _acknowledged(self, closed: Closed) -> None:
        for done in closed.done:
            for parked in done.parked:
                self._shift.counts["parked"] += 1
                self._shift.log.error("parked", owner=done.owner, path=parked.path, reason=parked.message)
        clean, marked, busy = closed.flags
        rang = {owner for owner in clean | marked | busy if self._rota.closed(owner)}
        self._shift.release(clean - rang)
        for owner in marked | (clean & rang):
            self._rota.again(owner)
        for owner in busy:
            self._look_again(owner)

    def _look_again(self, owner: str) -> None:
        """A writer holds the counter: it will leave a mark, or nothing."""
        course = self._rota.course(owner)
        course.busy += 1
        pause = min(_COUNTER_BUSY_MOST, _COUNTER_BUSY_FIRST * 2 ** min(course.busy - 1, 10))
        self._rota.postpone(owner, time.monotonic() + pause)

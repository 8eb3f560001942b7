"""One round of the mirror: takes owners, claims their marks in one snapshot, plans one commit each, hands it over.

Nothing here waits for Firestore: what is sent comes back as an outcome (verdicts.py), and meanwhile the next round
reads. What may be overwritten is decided in plan.py. Called by mirror.py, in its thread.
"""

from __future__ import annotations

import secrets
import time
from datetime import datetime

import psycopg2

from sync.changes import Way
from sync.commits import look, send
from sync.plan import Claim, Plan, Stamp, make_plan
from sync.session import CUT_OFF
from sync.shift import Shift
from sync.steps import step

REQUEST_BYTES = 9 * 1024 * 1024
_TAKEN_ELSEWHERE_SECONDS = 1.0


class Rounds:
    """Rounds of one mirror."""

    def __init__(self, shift: Shift) -> None:
        self._shift, self._rota = shift, shift.rota

    def work(self) -> None:
        """Does one round, if there is anybody to take and a place to send from. Raises one of CUT_OFF."""
        if not self._shift.breaker.allows(time.monotonic()):
            return
        picked = self._rota.pick(self._shift.free())
        ready = self._read_first(self._take(picked)) if picked else []
        if ready:
            self._claim(ready)

    def _take(self, owners: list[str]) -> list[str]:
        """Takes owners that no other mirror works on; the overdue ones in any case, for the lock is efficiency only."""
        unlocked = [owner for owner in owners if not self._rota.course(owner).locked]
        locked = self._shift.lines.session.take(unlocked) if unlocked else set()
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
                self._shift.submit(owner, look, self._shift.firestore, owner, dict(unread))
            else:
                ready.append(owner)
        return ready

    def _claim(self, owners: list[str]) -> None:
        try:
            claimed_at = self._shift.deps.now()
            rooms = {owner: self._rota.course(owner).room for owner in owners}
            claims, postponed = self._shift.lines.claim(owners, rooms)
        except (psycopg2.Error, ValueError, ArithmeticError) as error:
            if isinstance(error, CUT_OFF) or len(owners) > 1:
                self._claim_alone(owners, error)
            else:
                self._shift.log.error("claim_failed", owner=owners[0], reason=str(error).strip())
                self._shift.fail(owners[0])
            return
        step("mirror:claimed")
        for owner in postponed:
            self._rota.again(owner)
        for claim in claims:
            self._commit(claim, claimed_at)
        self._shift.release(set(owners) - {claim.owner.owner for claim in claims} - set(postponed))

    def _claim_alone(self, owners: list[str], error: Exception) -> None:
        """A row that the claim cannot read must hold back its own user only; a lost connection everybody."""
        if isinstance(error, CUT_OFF):
            for owner in owners:
                self._rota.again(owner)
            raise error
        for owner in owners:
            self._claim([owner])

    def _commit(self, claim: Claim, claimed_at: datetime) -> None:
        owner = claim.owner.owner
        course, firestore = self._rota.course(owner), self._shift.firestore
        if not claim.marks:
            self._nothing_claimed(claim)
            return
        stamp = Stamp(self._shift.deps.now(), secrets.token_hex(8))
        plan = make_plan(claim, course.observed, course.notes, stamp, firestore.name)
        built_at = self._shift.deps.now()
        plan.settled.way = Way(stamp.commit, claimed_at, built_at, built_at, built_at)
        size = plan.size()
        if plan.unread:
            self._shift.submit(owner, look, firestore, owner, plan.unread)
        elif size > REQUEST_BYTES and len(claim.marks) > 1:
            course.room = max(1, len(claim.marks) * REQUEST_BYTES // size * 9 // 10)
            self._rota.again(owner)
        elif (waits := self._hot(claim, plan)) > 0:
            self._rota.postpone(owner, time.monotonic() + waits)
        elif plan.writes:
            step("mirror:built")
            stood_in = frozenset(parked.path for parked in plan.settled.parked)
            self._shift.submit(owner, send, firestore, claim, plan, fresh=course.fresh, stood_in=stood_in)
        else:
            self._shift.settle(plan.settled)

    def _nothing_claimed(self, claim: Claim) -> None:
        """Marks that only a newer mirror understands wait for it; without any, the flag is cleared."""
        if claim.owner.marks:
            self._shift.release([claim.owner.owner])
        else:
            self._shift.check(claim.owner.owner)

    def _hot(self, claim: Claim, plan: Plan) -> float:
        """Seconds for which an aggregate of this commit was written too recently: the whole pair waits."""
        now, wall = time.monotonic(), self._shift.deps.now()
        waits = 0.0
        for write in plan.writes:
            if is_aggregate(write.path):
                held = claim.held(write.path)
                moment = None if held is None or write.path == plan.owner else held.update_time
                waits = max(waits, self._shift.pace.wait(write.path, moment, now, wall))
        return waits


def is_aggregate(path: str) -> bool:
    """Whether many changes rewrite this document: a head or a month."""
    segments = path.split("/")
    return len(segments) == 2 or segments[2] == "months"

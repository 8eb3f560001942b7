"""One round of the mirror: takes owners, has their claims read and planned, and hands each commit to a sender.

Nothing here waits for Firestore, nor for a claim that takes long: what is built comes back from the builders, what is
sent as an outcome (verdicts.py). A few marks are claimed at once. An owner with very many marks has a round of its own,
and never both builders. What may be overwritten is decided in plan.py. Called by mirror.py, in its thread.
"""

from __future__ import annotations

import time

from sync.mirror.builders import Built, Order
from sync.mirror.commits import look, send
from sync.mirror.plan import Claim, Plan
from sync.mirror.session import CUT_OFF
from sync.mirror.shift import Shift
from sync.paths import kind_of
from sync.steps import step

REQUEST_BYTES = 9 * 1024 * 1024
_ROUND_OWNERS, _ROUND_MARKS = 64, 2_000
_FEW_MARKS = 20
_TAKEN_ELSEWHERE_SECONDS = 1.0
_ANOTHER_IS_LARGE_SECONDS = 0.02


class Rounds:
    """Rounds of one mirror."""

    def __init__(self, shift: Shift) -> None:
        self._shift, self._rota = shift, shift.rota
        self._large: str | None = None

    @property
    def possible(self) -> bool:
        """Whether somebody waits, and could be taken now but for breaker and ramp."""
        return self._rota.waiting and self._shift.builders.free and self._shift.free() > 0

    def possible_at(self, now: float) -> float:
        """When breaker and ramp allow the next round."""
        breaker = self._shift.breaker
        return max(self._shift.ramp.free_at(), now if breaker.allows(now) else breaker.retry_at())

    def work(self) -> None:
        """Sends what was built, then begins a round. Raises one of CUT_OFF."""
        self._collect()
        now = time.monotonic()
        if not (self.possible and now >= self.possible_at(now)):
            return
        taken, marks = self._take(self._rota.pick(min(_ROUND_OWNERS, self._shift.free())))
        orders = [self._order(owner) for owner in self._read_first(taken)]
        if orders and marks <= _FEW_MARKS and self._shift.builders.idle:
            self._build_here(orders)
        elif orders:
            self._rota.building.update(order.owner for order in orders)
            self._shift.builders.build(orders)

    def _build_here(self, orders: list[Order]) -> None:
        """A first change waits for no other thread."""
        try:
            built = self._shift.builders.build_here(orders, self._shift.session.snapshot)
        except CUT_OFF:
            self._rota.put_back([order.owner for order in orders])
            raise
        for one in built:
            self._built(one)

    def _order(self, owner: str) -> Order:
        course = self._rota.course(owner)
        room = self._shift.ramp.room(time.monotonic(), course.room)
        return Order(owner, room, course.observed, dict(course.notes))

    def _take(self, owners: list[str]) -> tuple[list[str], int]:
        """Takes owners that no other mirror works on; the overdue ones in any case, for the lock is efficiency only.

        Answers them, and about how many marks they have.
        """
        asked = {owner: self._rota.course(owner).locked for owner in owners}
        found = self._shift.session.take(asked, _ROUND_MARKS)
        self._rota.put_back(owners[len(found) :])
        taken = []
        for owner, marks, locked in found:
            self._rota.course(owner).locked = locked
            if not (locked or self._rota.is_overdue(owner)):
                self._rota.postpone(owner, time.monotonic() + _TAKEN_ELSEWHERE_SECONDS)
            elif marks < _ROUND_MARKS:
                taken.append(owner)
            elif taken:
                self._rota.put_back([owner])
            elif self._large is None:
                self._large = owner
                taken.append(owner)
            else:
                self._rota.postpone(owner, time.monotonic() + _ANOTHER_IS_LARGE_SECONDS)
        return taken, sum(marks for _, marks, _ in found)

    def _read_first(self, owners: list[str]) -> list[str]:
        """After an answer that never came, Firestore is read before the next snapshot is taken."""
        ready = []
        for owner in owners:
            unread = self._rota.course(owner).unread
            if unread:
                self._left(owner)
                self._shift.submit(owner, look, self._shift.firestore, owner, dict(unread))
            else:
                ready.append(owner)
        return ready

    # --- what was built ---

    def _collect(self) -> None:
        built, error = self._shift.builders.collect()
        for one in built:
            if one.owner in self._rota.building:
                self._rota.building.discard(one.owner)
                self._left(one.owner)
                self._built(one)
        if error is not None:
            raise error

    def _left(self, owner: str) -> None:
        if self._large == owner:
            self._large = None

    def _built(self, built: Built) -> None:
        if built.error:
            self._shift.log.error("claim_failed", owner=built.owner, reason=built.error)
            self._shift.fail(built.owner)
        elif built.postponed:
            self._rota.again(built.owner)
        elif built.claim is None:  # the ledger does not know the owner, or a shape lives that this mirror does not
            self._shift.counts["unclaimed"] += 1
            self._shift.release([built.owner])
        elif built.plan is None:
            self._nothing_claimed(built.claim)
        else:
            self._commit(built.claim, built.plan)

    def _commit(self, claim: Claim, plan: Plan) -> None:
        owner = claim.owner.owner
        course, firestore = self._rota.course(owner), self._shift.firestore
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
            self._shift.ramp.sent(len(plan.writes), time.monotonic())
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
        """Seconds for which the whole pair waits: an aggregate was written too recently, or a cap is reached."""
        now, wall = time.monotonic(), self._shift.deps.now()
        waits = self._shift.meter.wait(plan.owner, now, wall.date())
        for write in plan.writes:
            if is_aggregate(write.path):
                held = claim.held(write.path)
                moment = None if held is None or write.path == plan.owner else held.update_time
                waits = max(waits, self._shift.pace.wait(write.path, moment, now, wall))
        return waits


def is_aggregate(path: str) -> bool:
    """Whether many changes rewrite this document: a head or a month."""
    return path.count("/") == 1 or ("/months" in path and kind_of(path) == "months")

"""The audits' reads: so many a day, spent evenly by all mirrors together, never more.

A request is begun only with its reads taken from the day's row of its purpose in Postgres; what it did not use is
given back. A crash in between leaves reads counted that were not made. Called by audit.py.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sync.metrics import AUDIT_READS
from sync.mirror.changes import Connection
from sync.mirror.firestore import ReadTally

_DAY_SECONDS = 86_400

_OPEN = "insert into audit_reads (day, purpose) values (%s, %s) on conflict do nothing"
_TAKE = """
with day as (select reads from audit_reads where day = %(day)s and purpose = %(purpose)s for update)
update audit_reads as a set reads = a.reads + least(%(reads)s, greatest(%(most)s - a.reads, 0)) from day
where a.day = %(day)s and a.purpose = %(purpose)s
returning a.reads - day.reads
"""
_GIVE_BACK = "update audit_reads set reads = greatest(reads - %s, 0) where day = %s and purpose = %s"
_PACE = """
update audit_reads set next_at = greatest(coalesce(next_at, %(now)s), %(now)s) + %(pause)s
where day = %(day)s and purpose = %(purpose)s
"""
_STATE = "select reads, next_at from audit_reads where day = %s and purpose = %s"
_FORGET = "delete from audit_reads where day < %s"


class BudgetSpent(Exception):
    """No read is left of today's."""


class Budget(ReadTally):
    """The reads of one purpose on one day; of one piece of work."""

    def __init__(self, connection: Connection, purpose: str, per_day: int, now: datetime) -> None:
        super().__init__()
        self._connection, self._purpose, self._now = connection, purpose, now
        self.per_day = per_day
        self._day = now.date()
        self._run(_OPEN, self._day, purpose)

    def take(self, reads: int) -> int:
        """Takes up to so many of today's reads, at least one. Raises BudgetSpent."""
        bound = {"day": self._day, "purpose": self._purpose, "reads": reads, "most": self.per_day}
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(_TAKE, bound)
            ((granted,),) = cursor.fetchall()
        if not granted:
            raise BudgetSpent
        self.reads += granted
        return int(granted)

    def give_back(self, reads: int) -> None:
        """Puts back what was not used."""
        if reads:
            self._run(_GIVE_BACK, reads, self._day, self._purpose)
            self.reads -= reads

    def left(self) -> int:
        """What may still be spent today."""
        return self.per_day - int(self._state()[0])

    def may_begin(self) -> bool:
        """Whether it is time for the next piece of work."""
        reads, next_at = self._state()
        return reads < self.per_day and (next_at is None or next_at <= self._now)

    def end(self) -> None:
        """Ends a piece of work: the next may begin when its share of the day is over."""
        AUDIT_READS.labels(self._purpose).inc(self.reads)
        pause = timedelta(seconds=self.reads * _DAY_SECONDS / max(self.per_day, 1))
        bound = {"day": self._day, "purpose": self._purpose, "now": self._now, "pause": pause}
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(_PACE, bound)

    def _state(self) -> tuple[int, datetime | None]:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(_STATE, (self._day, self._purpose))
            found: tuple[int, datetime | None] = cursor.fetchone() or (0, None)
        return found

    def _run(self, statement: str, *bound: object) -> None:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(statement, bound)


def forget_old(connection: Connection, now: datetime, days: int) -> None:
    """Forgets what was spent longer ago than so many days."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_FORGET, (now.date() - timedelta(days=days),))

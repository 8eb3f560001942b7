"""A mirror's connections: made to notice a dead peer within seconds, and the one that listens and locks.

Who LISTENs hears an owner turn dirty; who holds an owner's advisory lock works on it. Both end with the connection,
whatever the process does. The locks only spare work: nothing relies on them. Called by shift.py,
builders.py, acknowledger.py and reconcile.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import psycopg2.extensions

from sync.mirror.changes import Connection, Cursor

CHANNEL = "livespend_dirty"
APPLICATION = "livespend-mirror"
# A standby that has not taken over yet answers, and refuses to listen or write.
CUT_OFF = (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.errors.ReadOnlySqlTransaction)
_PATIENCE = "-c statement_timeout=60s -c lock_timeout=10s"
# A plan that was made over an empty table of marks would read the whole table later, dead marks and all.
PLANNED_ONCE = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
# So would a hash of it. Not for claims: nothing has told a new table's planner which of two indexes finds fewer rows.
KEY_BY_KEY = f"{PLANNED_ONCE} -c enable_hashjoin=off -c enable_mergejoin=off"
_LOCK_CLASS = 0x6D6972  # "mir": keeps these advisory locks apart from anybody else's


def connect(url: str, *, name: str = f"{APPLICATION}-work", planning: str = "") -> Connection:
    """Opens a connection that notices a dead peer within seconds; raises psycopg2.OperationalError.

    `planning`: PLANNED_ONCE or KEY_BY_KEY, for prepared statements, each of which is planned once, for few keys.
    """
    return psycopg2.connect(
        url, application_name=name, connect_timeout=5, keepalives=1, keepalives_idle=5, keepalives_interval=2,
        keepalives_count=3, tcp_user_timeout=10_000, options=f"{_PATIENCE} {planning}",
    )  # fmt: skip


def connect_reading(url: str) -> Connection:
    """Opens a connection for snapshots."""
    connection = connect(url, planning=PLANNED_ONCE)
    connection.autocommit = True
    return connection


class _Snapshot(psycopg2.extensions.cursor):
    """Begins its transaction in the same message as its first statement."""

    begun = False

    def execute(self, query: Any, vars: Any = None) -> None:
        if not self.begun:
            self.begun, query = True, f"begin isolation level repeatable read, read only; {query}"
        super().execute(query, vars)


@contextmanager
def snapshot(connection: Connection) -> Iterator[Cursor]:
    """One moment of the ledger, on a connection that commits by itself otherwise; over when this ends."""
    with connection.cursor(cursor_factory=_Snapshot) as cursor:
        try:
            yield cursor
        finally:
            if cursor.begun and not connection.closed:
                cursor.execute("rollback")


class Taken(NamedTuple):
    """An owner that was asked for: how many marks it has, up to the limit, and whether its lock is ours."""

    owner: str
    marks: int
    locked: bool


# Only those that fit are locked: what one mirror cannot read at once is left to another.
_PREPARE_TAKE = """
prepare take (text[], bool[], bigint, int) as
with asked as materialized (
    select a.owner, a.locked, a.place,
        (select count(*) from (
            select from changes as c where c.owner = o.owner and (c.epoch, c.number) > (o.clean_epoch, o.clean_number)
            limit $3) as m) as marks
    from unnest($1::text[], $2::bool[]) with ordinality as a(owner, locked, place)
    left join owners as o on o.owner = a.owner),
before as materialized (select *, sum(marks) over (order by place) - marks as before from asked)
select owner, marks, locked or pg_try_advisory_lock($4, hashtext(owner)) from before where before < $3 order by place
"""


class Session:
    """The mirror's doorbell and advisory locks: one connection that lives as long as its LISTEN.

    Losing it loses bells and locks; the caller opens a new one and sweeps.
    """

    def __init__(self, url: str) -> None:
        self._connection = connect(url, name=APPLICATION, planning=PLANNED_ONCE)
        self._connection.autocommit = True
        self._cursor = self._connection.cursor()
        self._cursor.execute(f"listen {CHANNEL}")
        self._cursor.execute(_PREPARE_TAKE)

    def fileno(self) -> int:
        """Readable when a bell may have rung."""
        return int(self._connection.fileno())

    def rung(self) -> set[str]:
        """Answers the owners that turned dirty since the last call; raises psycopg2.OperationalError when cut off."""
        self._connection.poll()
        owners = {notification.payload for notification in self._connection.notifies}
        self._connection.notifies.clear()
        return owners

    def dirty(self, limit: int, older_than: float) -> list[tuple[str, bool]]:
        """Sweeps: dirty owners, the longest waiting first, and whether each waits longer than `older_than` seconds."""
        self._cursor.execute(
            "select owner, dirty_since < clock_timestamp() - make_interval(secs => %s) from owners where dirty "
            "order by dirty_since limit %s",
            (older_than, limit),
        )
        return self._cursor.fetchall()

    def take(self, owners: Mapping[str, bool], most: int) -> list[Taken]:
        """Takes owners in this order until they have `most` marks; the first in any case.

        Locks those among them that no other mirror works on, until released or until this session ends; the value
        tells which are locked already.
        """
        self._cursor.execute("execute take (%s, %s, %s, %s)", (list(owners), list(owners.values()), most, _LOCK_CLASS))
        return [Taken(*row) for row in self._cursor.fetchall()]

    def snapshot(self) -> AbstractContextManager[Cursor]:
        """One moment of the ledger; bells that ring meanwhile are heard afterwards."""
        return snapshot(self._connection)

    def release(self, owners: Iterable[str]) -> None:
        """Lets other mirrors take these owners."""
        self._cursor.execute(
            "select pg_advisory_unlock(%s, hashtext(owner)) from unnest(%s::text[]) as o(owner)",
            (_LOCK_CLASS, list(owners)),
        )

    def close(self) -> None:
        """Ends the session and with it the locks. Closing twice is safe."""
        self._connection.close()

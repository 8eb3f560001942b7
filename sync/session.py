"""A mirror's connections: made to notice a dead peer within seconds, and the one that listens and locks.

Who LISTENs hears an owner turn dirty; who holds an owner's advisory lock works on it. Both end with the connection,
whatever the process does. The locks only spare work: nothing relies on them. Called by lines.py, acknowledger.py and
reconcile.py.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg2

from sync.changes import Connection

CHANNEL = "livespend_dirty"
APPLICATION = "livespend-mirror"
CUT_OFF = (psycopg2.OperationalError, psycopg2.InterfaceError)
_LOCK_CLASS = 0x6D6972  # "mir": keeps these advisory locks apart from anybody else's


def connect(url: str, *, name: str = f"{APPLICATION}-work") -> Connection:
    """Opens a connection that notices a dead peer within seconds; raises psycopg2.OperationalError."""
    return psycopg2.connect(
        url, application_name=name, connect_timeout=5, keepalives=1, keepalives_idle=5, keepalives_interval=2,
        keepalives_count=3, tcp_user_timeout=10_000, options="-c statement_timeout=60s -c lock_timeout=10s",
    )  # fmt: skip


class Session:
    """The mirror's doorbell and advisory locks: one connection that lives as long as its LISTEN.

    Losing it loses bells and locks; the caller opens a new one and sweeps.
    """

    def __init__(self, url: str) -> None:
        self._connection = connect(url, name=APPLICATION)
        self._connection.autocommit = True
        self._cursor = self._connection.cursor()
        self._cursor.execute(f"listen {CHANNEL}")

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

    def take(self, owners: Iterable[str]) -> set[str]:
        """Locks those owners no other mirror works on, until released or until this session ends."""
        self._cursor.execute(
            "select owner from unnest(%s::text[]) as o(owner) where pg_try_advisory_lock(%s, hashtext(owner))",
            (sorted(owners), _LOCK_CLASS),
        )
        return {owner for (owner,) in self._cursor.fetchall()}

    def release(self, owners: Iterable[str]) -> None:
        """Lets other mirrors take these owners."""
        self._cursor.execute(
            "select pg_advisory_unlock(%s, hashtext(owner)) from unnest(%s::text[]) as o(owner)",
            (_LOCK_CLASS, list(owners)),
        )

    def close(self) -> None:
        """Ends the session and with it the locks. Closing twice is safe."""
        self._connection.close()

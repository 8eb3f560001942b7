"""The mirror's lines to the ledger: one to listen and lock, one for snapshots, one to acknowledge.

Straight to the primary, never through a pooler: a LISTEN and a session's advisory locks live and die with their
connection. All three are opened and closed together; whoever loses one opens new lines, which listen first, and then
sweeps. Called by mirror.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import psycopg2

from sync.changes import Acknowledgement, Settled, acknowledge, clear_dirty
from sync.claims import Claims, read_claims
from sync.session import Session, connect

CUT_OFF = (psycopg2.OperationalError, psycopg2.InterfaceError)


class Lines:
    """Three open connections; raises one of CUT_OFF, here and later, when the ledger cannot be reached."""

    def __init__(self, url: str) -> None:
        self.session = Session(url)
        self._reading = connect(url)
        self._reading.set_session(isolation_level="REPEATABLE READ", readonly=True)
        self._writing = connect(url)

    def claim(self, owners: Sequence[str], rooms: Mapping[str, int]) -> Claims:
        """Reads claims in one snapshot, which is over when this returns."""
        try:
            with self._reading.cursor() as cursor:
                return read_claims(cursor, owners, rooms)
        finally:
            if not self._reading.closed:
                self._reading.rollback()

    def acknowledge(self, done: Sequence[Acknowledgement]) -> None:
        """Moves mirror state on and deletes the claimed marks, in one transaction. Safe to run twice."""
        with self._writing, self._writing.cursor() as cursor:
            acknowledge(cursor, done)

    def clear_dirty(self, owners: Iterable[str]) -> Settled:
        """Clears the flags of owners without marks, in one transaction. Safe to run twice."""
        with self._writing, self._writing.cursor() as cursor:
            return clear_dirty(cursor, owners)

    def close(self) -> None:
        """Closes all three. Closing twice is safe."""
        self.session.close()
        self._reading.close()
        self._writing.close()

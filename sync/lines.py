"""The mirror's lines to the ledger: one to listen and lock, one for snapshots; the acknowledger has its own.

Straight to the primary, never through a pooler: a LISTEN and a session's advisory locks live and die with their
connection. Both are opened and closed together; whoever loses one opens new lines, which listen first, and then
sweeps. Called by shift.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sync.claims import Claims, read_claims
from sync.session import Session, connect


class Lines:
    """Two open connections; raises one of CUT_OFF, here and later, when the ledger cannot be reached."""

    def __init__(self, url: str) -> None:
        self.session = Session(url)
        self._reading = connect(url)
        with self._reading, self._reading.cursor() as cursor:
            cursor.execute(
                "set plan_cache_mode = force_generic_plan"
            )  # of prepared statements: theirs are for few keys
        self._reading.set_session(isolation_level="REPEATABLE READ", readonly=True)

    def claim(self, owners: Sequence[str], rooms: Mapping[str, int]) -> Claims:
        """Reads claims in one snapshot, which is over when this returns."""
        try:
            with self._reading.cursor() as cursor:
                return read_claims(cursor, owners, rooms)
        finally:
            if not self._reading.closed:
                self._reading.rollback()

    def close(self) -> None:
        """Closes both. Closing twice is safe."""
        self.session.close()
        self._reading.close()

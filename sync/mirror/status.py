"""How far behind the mirror is, for the operator: read from the ledger alone, so it works while Firestore is away."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from sync.db import transaction
from sync.deps import Deps
from sync.mirror.changes import Cursor
from sync.mirror.cost_report import read_caps
from sync.mirror.session import APPLICATION
from sync.settings import Settings

_STATUS = """
select (select count(*) from owners where dirty), (select count(*) from changes),
    (select count(*) from mirror_state where not deleted),
    extract(epoch from clock_timestamp() - (select min(dirty_since) from owners where dirty))::float8,
    (select count(*) from pg_stat_activity where application_name = %s and datname = current_database()),
    (select to_char(first_month, 'YYYY-MM') from mirror_window)
"""
_PARKED = """
select path, error_code, error_message, parked_at from parked_documents where dropped_at is null
order by parked_at limit 100
"""
_BACKLOG = text("""
select (select count(*) from owners where dirty),
    coalesce(extract(epoch from clock_timestamp() - (select min(dirty_since) from owners where dirty)), 0)::float8,
    (select count(*) from parked_documents where dropped_at is null)
""")


def read_backlog(deps: Deps) -> tuple[int, float, int]:
    """Owners that wait, the age in seconds of the oldest wait, and documents parked; a few milliseconds at most."""
    with transaction(deps.engine, statement_seconds=2.0) as connection:
        dirty, oldest, parked = connection.execute(_BACKLOG).one()
    return dirty, oldest, parked


def read_status(cursor: Cursor, settings: Settings) -> dict[str, Any]:
    """Reads how far behind the mirror is, how many mirrors listen, what is parked, and who is above a cap."""
    cursor.execute(_STATUS, (APPLICATION,))
    names = ("dirtyOwners", "marks", "documents", "oldestDirtySeconds", "mirrors", "windowFirstMonth")
    status = dict(zip(names, cursor.fetchone() or (), strict=True))
    cursor.execute(_PARKED)
    status["parked"] = [
        {"path": path, "code": code, "message": message, "since": since.isoformat()}
        for path, code, message, since in cursor.fetchall()
    ]
    status["cost"] = read_caps(cursor, settings)
    return status

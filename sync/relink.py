"""Re-linked and renumbered accounts: rows under new ids take over the entries of the old ones."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection


def adopt(connection: Connection, item_id: UUID, user_id: str) -> None:
    """Lets staged rows of accounts that came under new ids claim the old rows that they are."""

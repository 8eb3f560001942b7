"""Reviews: a pending row that vanished and a posted row that names none may be one; a person decides."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection


def suggest(connection: Connection, item_id: UUID, user_id: str) -> None:
    """Opens a review for each pending row that a row just stored may have posted."""

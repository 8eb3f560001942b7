"""Category rules: the rule's column of an entry, set when a row arrives and when a rule changes."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection


def apply_to_staged(connection: Connection, item_id: UUID, user_id: str) -> None:
    """Sets the rule's category of the entries behind the rows just stored."""

"""Balances per account and day, and whether the transactions explain them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection


def snapshot(connection: Connection, item_id: UUID, user_id: str) -> None:
    """Keeps today's balances of the staged accounts."""

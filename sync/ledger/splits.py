"""Splits: parts that a user carves out of an entry, each into a category of its own.

What is left of the bank's amount, the remainder, stays in the entry's effective category: a tip that posts later
raises the remainder, and the categories' totals are the bank's whatever was split. Splits hang on the entry, so they
stay from pending to posted and wherever the entry goes. If the bank lowers an amount below its parts nothing is
dropped: the remainder turns to the other side of zero and the document says so. Every edit is one transaction.
Who may call: the API.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, text

from sync.db import Mark, edit, retrying
from sync.deps import Deps
from sync.errors import InvalidFields
from sync.ledger import categories, fields, ledger
from sync.money import added

MOST = 20

_PUT = text("""
    insert into splits as s (entry_id, user_id, position, category_id, amount, note)
    select :entry_id, :user_id, position, category_id, amount, note
    from unnest(cast(:categories as text[]), cast(:amounts as numeric[]), cast(:notes as text[]))
        with ordinality as given(category_id, amount, note, position)
    on conflict (entry_id, position) do update
        set category_id = excluded.category_id, amount = excluded.amount, note = excluded.note
        where (s.category_id, s.amount, s.note) is distinct from (excluded.category_id, excluded.amount, excluded.note)
""")
_DROP_REST = text("delete from splits where entry_id = :entry_id and position > :kept")


@dataclass(frozen=True)
class Part:
    """One part as the user gave it: money out positive, in the transaction's currency."""

    category_id: str
    amount: Decimal
    note: str | None = None


@retrying
def put_splits(
    deps: Deps, user_id: str, entry_id: UUID | str, parts: Sequence[Part]
) -> tuple[ledger.Transaction, list[Mark]]:
    """Replaces the parts of an entry as a whole; none joins it together again.

    At most 20, each of the amount's own sign, together within the amount. Raises TransactionNotFound, or InvalidFields
    naming the part. Twice is safe: the second changes and marks nothing.
    """
    if len(parts) > MOST:
        raise InvalidFields({"splits": f"must have at most {MOST} parts"})
    with edit(deps.engine, user_id) as (connection, marked):
        row = ledger.find(connection, entry_id)
        checked = [_checked(connection, part, place) for place, part in enumerate(parts)]
        _fit(row.amount, checked)
        bound = {
            "entry_id": row.id,
            "user_id": user_id,
            "categories": [part.category_id for part in checked],
            "amounts": [part.amount for part in checked],
            "notes": [part.note for part in checked],
        }
        connection.execute(_PUT, bound)
        connection.execute(_DROP_REST, {"entry_id": row.id, "kept": len(checked)})
        shown = ledger.as_shown(ledger.find(connection, row.id))
    return shown, marked


def _checked(connection: Connection, part: Part, place: int) -> Part:
    return Part(
        categories.require(connection, part.category_id, f"splits[{place}].categoryId"),
        fields.amount(part.amount, f"splits[{place}].amount"),
        None if part.note is None else fields.words(part.note, f"splits[{place}].note", ledger.NOTE_LENGTH),
    )


def _fit(whole: Decimal, parts: Sequence[Part]) -> None:
    """Refuses the first part that is of the other sign, or that goes beyond the amount."""
    for place, part in enumerate(parts):
        if (part.amount < 0) is not (whole < 0):
            raise InvalidFields({f"splits[{place}].amount": "must have the sign of the transaction's amount"})
        if abs(added(one.amount for one in parts[: place + 1])) > abs(whole):
            raise InvalidFields({f"splits[{place}].amount": "is more than what is left of the transaction's amount"})

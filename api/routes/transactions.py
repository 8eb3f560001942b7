"""Transactions under their entry's id: reading a month, the user's edits, and manual expenses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response

from api.answers import Transaction, TransactionAnswer, TransactionsAnswer, TransactionWritten, WriteAnswer, marked
from api.bodies import TransactionsQuery
from api.current import deps, user_id
from api.idempotency import create
from sync.db import Mark
from sync.deps import Deps
from sync.ledger import ledger, splits
from sync.ledger.bodies import EntryEditBody, NewExpenseBody, SplitsBody

bp = APIBlueprint("transactions", __name__, url_prefix="/api/transactions", tag="Transactions")


@bp.get("")
@bp.input(TransactionsQuery, location="query", arg_name="query")
@bp.output(TransactionsAnswer)
def list_transactions(query: TransactionsQuery) -> TransactionsAnswer:
    """One month's transactions, newest first, a page at a time; months of all history."""
    page = ledger.list_transactions(deps(), user_id(), query.month, query.cursor, query.limit)
    return TransactionsAnswer.model_validate(page)


@bp.post("")
@bp.input(NewExpenseBody, arg_name="body")
@bp.output(TransactionWritten, 201)
def add_expense(body: NewExpenseBody) -> Response:
    """Add an expense by hand."""

    def add(with_deps: Deps) -> TransactionWritten:
        added = ledger.add_expense(
            with_deps,
            user_id(),
            amount=body.amount,
            currency=body.currency,
            on=body.date,
            name=body.name,
            category_id=body.category_id,
            note=body.note,
        )
        return written(*added)

    return create(add)


@bp.get("/<uuid:entry_id>")
@bp.output(TransactionAnswer)
def get_transaction(entry_id: UUID) -> TransactionAnswer:
    """One live transaction."""
    one = ledger.get_transaction(deps(), user_id(), entry_id)
    return TransactionAnswer(transaction=Transaction.model_validate(one))


@bp.patch("/<uuid:entry_id>")
@bp.input(EntryEditBody, arg_name="body")
@bp.output(TransactionWritten)
def edit_entry(entry_id: UUID, body: EntryEditBody) -> TransactionWritten:
    """Set the category, the note, or both. Null hands the category back to rule and bank, or clears the note."""
    return written(*ledger.edit_entry(deps(), user_id(), entry_id, **body.given()))


@bp.put("/<uuid:entry_id>/splits")
@bp.input(SplitsBody, arg_name="body")
@bp.output(TransactionWritten)
def put_splits(entry_id: UUID, body: SplitsBody) -> TransactionWritten:
    """Replace the parts as a whole; an empty list joins them. What is left stays in the transaction's own category."""
    parts = [splits.Part(part.category_id, part.amount, part.note) for part in body.splits]
    return written(*splits.put_splits(deps(), user_id(), entry_id, parts))


@bp.delete("/<uuid:entry_id>")
@bp.output(WriteAnswer)
def remove_expense(entry_id: UUID) -> WriteAnswer:
    """Take an expense added by hand away. Safe twice; `restore` undoes it."""
    _, marks = ledger.remove_expense(deps(), user_id(), entry_id)
    return WriteAnswer(marked=marked(marks))


@bp.post("/<uuid:entry_id>/restore")
@bp.output(TransactionWritten)
def restore_expense(entry_id: UUID) -> TransactionWritten:
    """Bring a removed expense back. Safe twice."""
    return written(*ledger.restore_expense(deps(), user_id(), entry_id))


def written(transaction: dict[str, Any], marks: Iterable[Mark]) -> TransactionWritten:
    """A transaction and its marks."""
    return TransactionWritten(transaction=Transaction.model_validate(transaction), marked=marked(marks))

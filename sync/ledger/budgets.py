"""Budgets: a monthly limit for one category and currency, from a month on.

A budget's progress is shown in every month from its start, so an edit marks those months too. Removed softly; one
live budget per category and currency. Who may call: the API.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

from sync.db import Mark, edit, retrying, transaction
from sync.deps import Deps
from sync.errors import BudgetExists, BudgetNotFound
from sync.ledger import categories, fields
from sync.mirror.documents import Budget, budget_document

_LIST = text("""
    select id::text, category_id, iso_currency, limit_amount, starts_month
    from budgets
    where removed_at is null and (cast(:id as uuid) is null or id = cast(:id as uuid))
    order by category_id, iso_currency, id
""")
_INSERT = text("""
    insert into budgets (id, user_id, category_id, iso_currency, limit_amount, starts_month)
    values (:id, :user_id, :category_id, :currency, :limit, :starts_month)
    on conflict do nothing
""")
_CHANGE = text("""
    update budgets set limit_amount = :limit, starts_month = :starts_month
    where id = :id and (limit_amount, starts_month) is distinct from (:limit, cast(:starts_month as date))
""")
_REMOVE = text("update budgets set removed_at = now() where id = :id and removed_at is null")

Shown = dict[str, Any]


def list_budgets(deps: Deps, user_id: str) -> list[Shown]:
    """The user's budgets."""
    with transaction(deps.engine, user_id) as connection:
        return [_shown(row) for row in connection.execute(_LIST, {"id": None})]


@retrying
def add_budget(
    deps: Deps, user_id: str, *, category_id: str, currency: str, limit: Decimal, starts_month: date
) -> tuple[Shown, list[Mark]]:
    """Makes a budget; raises InvalidFields or BudgetExists."""
    bound: dict[str, Any] = {
        "id": uuid4(),
        "user_id": user_id,
        "currency": fields.currency(currency),
        "limit": fields.limit_amount(limit),
        "starts_month": fields.first_of_month(starts_month),
    }
    with edit(deps.engine, user_id) as (connection, marked):
        category = categories.require(connection, category_id)
        if connection.execute(_INSERT, bound | {"category_id": category}).rowcount == 0:
            raise BudgetExists
        shown = _shown(_find(connection, bound["id"]))
    return shown, marked


@retrying
def change_budget(
    deps: Deps, user_id: str, budget_id: UUID | str, *, limit: Decimal | None = None, starts_month: date | None = None
) -> tuple[Shown, list[Mark]]:
    """Changes what is given; raises InvalidFields or BudgetNotFound."""
    with edit(deps.engine, user_id) as (connection, marked):
        before = _find(connection, budget_id)
        after = {
            "id": before.id,
            "limit": before.limit_amount if limit is None else fields.limit_amount(limit),
            "starts_month": before.starts_month if starts_month is None else fields.first_of_month(starts_month),
        }
        connection.execute(_CHANGE, after)
        shown = _shown(_find(connection, budget_id))
    return shown, marked


@retrying
def remove_budget(deps: Deps, user_id: str, budget_id: UUID | str) -> tuple[Shown, list[Mark]]:
    """Takes a budget away; raises BudgetNotFound."""
    with edit(deps.engine, user_id) as (connection, marked):
        row = _find(connection, budget_id)
        connection.execute(_REMOVE, {"id": row.id})
    return {"id": row.id}, marked


def _find(connection: Connection, budget_id: UUID | str) -> Row[Any]:
    row = connection.execute(_LIST, {"id": fields.key(budget_id, BudgetNotFound)}).first()
    if row is None:
        raise BudgetNotFound
    return row


def _shown(row: Row[Any]) -> Shown:
    budget = Budget(row.id, row.category_id, row.iso_currency, row.limit_amount, row.starts_month)
    return {"id": row.id, **budget_document(budget)}

"""Budgets: monthly limits for one category and currency."""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response

from api.answers import Budget, BudgetsAnswer, BudgetWritten, WriteAnswer, marked
from api.current import deps, user_id
from api.idempotency import create
from sync.deps import Deps
from sync.ledger import budgets
from sync.ledger.bodies import BudgetEditBody, NewBudgetBody

bp = APIBlueprint("budgets", __name__, url_prefix="/api/budgets", tag="Budgets")


@bp.get("")
@bp.output(BudgetsAnswer)
def list_budgets() -> BudgetsAnswer:
    """The budgets; their progress is in the months."""
    return BudgetsAnswer(budgets=[Budget.model_validate(one) for one in budgets.list_budgets(deps(), user_id())])


@bp.post("")
@bp.input(NewBudgetBody, arg_name="body")
@bp.output(BudgetWritten, 201)
def add_budget(body: NewBudgetBody) -> Response:
    """Make a budget. There is one per category and currency."""

    def add(with_deps: Deps) -> BudgetWritten:
        budget, marks = budgets.add_budget(
            with_deps,
            user_id(),
            category_id=body.category_id,
            currency=body.currency,
            limit=body.limit,
            starts_month=body.starts_month,
        )
        return BudgetWritten(budget=Budget.model_validate(budget), marked=marked(marks))

    return create(add)


@bp.patch("/<uuid:budget_id>")
@bp.input(BudgetEditBody, arg_name="body")
@bp.output(BudgetWritten)
def change_budget(budget_id: UUID, body: BudgetEditBody) -> BudgetWritten:
    """Change the limit, the first month, or both."""
    budget, marks = budgets.change_budget(
        deps(), user_id(), budget_id, limit=body.limit, starts_month=body.starts_month
    )
    return BudgetWritten(budget=Budget.model_validate(budget), marked=marked(marks))


@bp.delete("/<uuid:budget_id>")
@bp.output(WriteAnswer)
def remove_budget(budget_id: UUID) -> WriteAnswer:
    """Remove a budget."""
    _, marks = budgets.remove_budget(deps(), user_id(), budget_id)
    return WriteAnswer(marked=marked(marks))

"""Households: who is in them, what each member shows, their budgets (docs/households.md)."""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response

from api.answers import (
    Budget,
    BudgetsAnswer,
    BudgetWritten,
    Household,
    HouseholdsAnswer,
    HouseholdWritten,
    InvitationAnswer,
    WriteAnswer,
    marked,
)
from api.bodies import HouseholdBody, InvitationCodeBody, SharesBody
from api.current import deps, user_id
from api.idempotency import create
from sync.deps import Deps
from sync.ledger import households
from sync.ledger.bodies import BudgetEditBody, NewBudgetBody

bp = APIBlueprint("households", __name__, url_prefix="/api/households", tag="Households")


@bp.get("")
@bp.output(HouseholdsAnswer)
def list_households() -> HouseholdsAnswer:
    """The households that the user is in, with their members."""
    found = households.list_households(deps(), user_id())
    return HouseholdsAnswer(households=[Household.model_validate(one) for one in found])


@bp.post("")
@bp.input(HouseholdBody, arg_name="body")
@bp.output(HouseholdWritten, 201)
def create_household(body: HouseholdBody) -> Response:
    """Make a household. Its owner shows nothing until they say what."""

    def make(with_deps: Deps) -> HouseholdWritten:
        household, marks = households.create_household(with_deps, user_id(), body.name)
        return HouseholdWritten(household=Household.model_validate(household), marked=marked(marks))

    return create(make)


@bp.patch("/<household_id>")
@bp.input(HouseholdBody, arg_name="body")
@bp.output(HouseholdWritten)
def rename_household(household_id: str, body: HouseholdBody) -> HouseholdWritten:
    """Rename a household. For its owners."""
    household, marks = households.rename_household(deps(), user_id(), household_id, body.name)
    return HouseholdWritten(household=Household.model_validate(household), marked=marked(marks))


@bp.delete("/<household_id>")
@bp.output(WriteAnswer)
def dissolve_household(household_id: str) -> WriteAnswer:
    """End a household for everybody. For its owners."""
    return WriteAnswer(marked=marked(households.dissolve_household(deps(), user_id(), household_id)))


@bp.post("/<household_id>/invitations")
@bp.output(InvitationAnswer, 201)
def invite(household_id: str) -> InvitationAnswer:
    """Make a code that lets one person join within seven days. Every call makes another. For owners."""
    invitation = households.invite(deps(), user_id(), household_id)
    return InvitationAnswer(code=invitation["code"], expires_at=invitation["expiresAt"], marked=[])


@bp.post("/join")
@bp.input(InvitationCodeBody, arg_name="body")
@bp.output(HouseholdWritten, 201)
def join_household(body: InvitationCodeBody) -> tuple[HouseholdWritten, int]:
    """Join by an invitation's code. Safe twice."""
    household, marks = households.join_household(deps(), user_id(), body.code)
    return HouseholdWritten(household=Household.model_validate(household), marked=marked(marks)), 201


@bp.delete("/<household_id>/members/<member_id>")
@bp.output(WriteAnswer)
def remove_member(household_id: str, member_id: str) -> WriteAnswer:
    """Leave a household, or as an owner take a member out."""
    return WriteAnswer(marked=marked(households.remove_member(deps(), user_id(), household_id, member_id)))


@bp.put("/<household_id>/shares")
@bp.input(SharesBody, arg_name="body")
@bp.output(HouseholdWritten)
def share(household_id: str, body: SharesBody) -> HouseholdWritten:
    """Say what to show there: everything, or these accounts and no other."""
    household, marks = households.share(
        deps(), user_id(), household_id, everything=body.everything, accounts=body.accounts
    )
    return HouseholdWritten(household=Household.model_validate(household), marked=marked(marks))


@bp.get("/<household_id>/budgets")
@bp.output(BudgetsAnswer)
def list_household_budgets(household_id: str) -> BudgetsAnswer:
    """The household's budgets; their progress is in its months."""
    found = households.list_budgets(deps(), user_id(), household_id)
    return BudgetsAnswer(budgets=[Budget.model_validate(one) for one in found])


@bp.post("/<household_id>/budgets")
@bp.input(NewBudgetBody, arg_name="body")
@bp.output(BudgetWritten, 201)
def add_household_budget(household_id: str, body: NewBudgetBody) -> Response:
    """Make a budget of the household. There is one per category and currency."""

    def add(with_deps: Deps) -> BudgetWritten:
        budget, marks = households.add_budget(
            with_deps,
            user_id(),
            household_id,
            category_id=body.category_id,
            currency=body.currency,
            limit=body.limit,
            starts_month=body.starts_month,
        )
        return BudgetWritten(budget=Budget.model_validate(budget), marked=marked(marks))

    return create(add)


@bp.patch("/<household_id>/budgets/<uuid:budget_id>")
@bp.input(BudgetEditBody, arg_name="body")
@bp.output(BudgetWritten)
def change_household_budget(household_id: str, budget_id: UUID, body: BudgetEditBody) -> BudgetWritten:
    """Change the limit, the first month, or both."""
    budget, marks = households.change_budget(
        deps(), user_id(), household_id, budget_id, limit=body.limit, starts_month=body.starts_month
    )
    return BudgetWritten(budget=Budget.model_validate(budget), marked=marked(marks))


@bp.delete("/<household_id>/budgets/<uuid:budget_id>")
@bp.output(WriteAnswer)
def remove_household_budget(household_id: str, budget_id: UUID) -> WriteAnswer:
    """Remove a budget of the household."""
    return WriteAnswer(marked=marked(households.remove_budget(deps(), user_id(), household_id, budget_id)))

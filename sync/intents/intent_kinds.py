"""The kinds of intents, in one table: each with its body, the ledger function that the API calls for it, and its field.

A body is the API's own body with the id of what it edits beside it; the same models check both. Parts of a split
travel as one JSON text, for security rules cannot look into a list. Whoever adds a kind adds it to the rules, to
docs/intents.md and to the page. Pure but for `apply`, which runs in the caller's transaction. Called by intents.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from sync.db import Mark
from sync.deps import Deps
from sync.errors import InvalidFields
from sync.ledger import budgets, ledger, splits
from sync.ledger.bodies import BudgetEditBody, EntryEditBody, Id, NewBudgetBody, NewExpenseBody, SplitsBody

B = TypeVar("B", bound=BaseModel)
Marks = list[Mark]


class _Subject(BaseModel):
    """What is edited."""

    id: Id


@dataclass(frozen=True)
class Kind(Generic[B]):
    """One kind. `subject` names the body's key with the id; None: it makes something new. `field`: what it changes."""

    subject: str | None
    field: str | None
    body: type[B]
    required: tuple[str, ...]
    apply: Callable[[Deps, str, UUID, B], Marks]


@dataclass(frozen=True)
class Edit:
    """A checked body, ready to be applied; `subject_id` and `field` say whose change would supersede it."""

    kind: Kind[Any]
    subject_id: UUID | None
    body: Any

    def apply(self, deps: Deps, user_id: str) -> Marks:
        """Runs the ledger function; raises what it raises."""
        return self.kind.apply(deps, user_id, self.subject_id or UUID(int=0), self.body)


class _Nothing(BaseModel, extra="forbid"):
    """A body of nothing but its subject."""


def _new_expense(deps: Deps, user_id: str, _: UUID, body: NewExpenseBody) -> Marks:
    given = body.given()
    return ledger.add_expense(deps, user_id, on=given.pop("date"), **given)[1]


def _new_budget(deps: Deps, user_id: str, _: UUID, body: NewBudgetBody) -> Marks:
    return budgets.add_budget(deps, user_id, **body.given())[1]


def _edit_entry(deps: Deps, user_id: str, entry_id: UUID, body: EntryEditBody) -> Marks:
    return ledger.edit_entry(deps, user_id, entry_id, **body.given())[1]


def _put_splits(deps: Deps, user_id: str, entry_id: UUID, body: SplitsBody) -> Marks:
    parts = [splits.Part(part.category_id, part.amount, part.note) for part in body.splits]
    return splits.put_splits(deps, user_id, entry_id, parts)[1]


def _remove_expense(deps: Deps, user_id: str, entry_id: UUID, _: _Nothing) -> Marks:
    return ledger.remove_expense(deps, user_id, entry_id)[1]


def _restore_expense(deps: Deps, user_id: str, entry_id: UUID, _: _Nothing) -> Marks:
    return ledger.restore_expense(deps, user_id, entry_id)[1]


def _change_budget(deps: Deps, user_id: str, budget_id: UUID, body: BudgetEditBody) -> Marks:
    return budgets.change_budget(deps, user_id, budget_id, **body.given())[1]


def _remove_budget(deps: Deps, user_id: str, budget_id: UUID, _: _Nothing) -> Marks:
    return budgets.remove_budget(deps, user_id, budget_id)[1]


KINDS: Mapping[str, Kind[Any]] = {
    "add-expense": Kind(None, None, NewExpenseBody, (), _new_expense),
    "set-category": Kind("entryId", "category", EntryEditBody, ("categoryId",), _edit_entry),
    "set-note": Kind("entryId", "note", EntryEditBody, ("note",), _edit_entry),
    "put-splits": Kind("entryId", "splits", SplitsBody, ("splits",), _put_splits),
    "remove-expense": Kind("entryId", "removed", _Nothing, (), _remove_expense),
    "restore-expense": Kind("entryId", "removed", _Nothing, (), _restore_expense),
    "add-budget": Kind(None, None, NewBudgetBody, (), _new_budget),
    "change-budget": Kind("budgetId", "budget", BudgetEditBody, ("limit",), _change_budget),
    "remove-budget": Kind("budgetId", "budget", _Nothing, (), _remove_budget),
}


def read_edit(kind: str, given: Mapping[str, Any]) -> Edit:
    """Checks a body of this kind as strictly as the API would; raises InvalidFields naming each wrong field."""
    told = KINDS[kind]
    body = dict(given)
    subject_id = None
    if told.subject is not None:
        subject_id = _checked(_Subject, {"id": body.pop(told.subject, None)}, {"id": told.subject}).id
    if "splits" in body:
        body["splits"] = _parts(body["splits"])
    # One kind changes one field of the user's, or it could be superseded in half.
    others = {name: "is not part of this edit" for name in body if told.required and name not in told.required}
    missing = {name: "is missing" for name in told.required if name not in body}
    if others or missing:
        raise InvalidFields(missing | others)
    return Edit(told, subject_id, _checked(told.body, body, {}))


def _checked(model: type[B], given: Mapping[str, Any], names: Mapping[str, str]) -> B:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problems = {}
        for problem in error.errors(include_url=False, include_input=False, include_context=False):
            name = ".".join(str(part) for part in problem["loc"])
            problems[names.get(name, name)[:60]] = problem["msg"]
        raise InvalidFields(problems) from None


def _parts(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise InvalidFields({"splits": "must be a JSON list of parts"}) from None

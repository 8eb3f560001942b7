"""Categories: the taxonomy's, which nobody changes, and the user's own."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from api.answers import CategoriesAnswer, Category, CategoryWritten, WriteAnswer, marked
from api.bodies import CategoryBody
from api.current import deps, user_id
from api.idempotency import create
from sync.deps import Deps
from sync.ledger import categories

bp = APIBlueprint("categories", __name__, url_prefix="/api/categories", tag="Categories")


@bp.get("")
@bp.output(CategoriesAnswer)
def list_categories() -> CategoriesAnswer:
    """Every category that an entry may have; `excluded` ones have totals of their own, outside spend."""
    found = categories.list_categories(deps(), user_id())
    return CategoriesAnswer(categories=[Category.model_validate(one) for one in found])


@bp.post("")
@bp.input(CategoryBody, arg_name="body")
@bp.output(CategoryWritten, 201)
def add_category(body: CategoryBody) -> Response:
    """Make a category of the user's own."""

    def add(with_deps: Deps) -> CategoryWritten:
        category, marks = categories.add_category(with_deps, user_id(), body.name)
        return CategoryWritten(category=Category.model_validate(category), marked=marked(marks))

    return create(add)


@bp.patch("/<category_id>")
@bp.input(CategoryBody, arg_name="body")
@bp.output(CategoryWritten)
def rename_category(category_id: str, body: CategoryBody) -> CategoryWritten:
    """Rename an own category."""
    category, marks = categories.rename_category(deps(), user_id(), category_id, body.name)
    return CategoryWritten(category=Category.model_validate(category), marked=marked(marks))


@bp.delete("/<category_id>")
@bp.output(WriteAnswer)
def remove_category(category_id: str) -> WriteAnswer:
    """Remove an own category and its budgets; its entries fall back to rule and bank."""
    _, marks = categories.remove_category(deps(), user_id(), category_id)
    return WriteAnswer(marked=marked(marks))

"""Reviews: is this posted transaction that pending one? The user confirms, declines, or takes the answer back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID

from apiflask import APIBlueprint

from api.answers import Review, ReviewsAnswer, ReviewWritten, marked
from api.current import deps, user_id
from sync.db import Mark
from sync.deps import Deps
from sync.ledger import reviews

bp = APIBlueprint("reviews", __name__, url_prefix="/api/reviews", tag="Transactions")

Decide: TypeAlias = Callable[[Deps, str, UUID | str], tuple[dict[str, Any], list[Mark]]]


@bp.get("")
@bp.output(ReviewsAnswer)
def list_reviews() -> ReviewsAnswer:
    """The newest 200 questions, whatever their state."""
    return ReviewsAnswer(reviews=[Review.model_validate(one) for one in reviews.list_reviews(deps(), user_id())])


@bp.post("/<uuid:review_id>/confirm")
@bp.output(ReviewWritten)
def confirm(review_id: UUID) -> ReviewWritten:
    """They are one payment: it stays where the pending was, with its edits. Safe twice; `undo` undoes it."""
    return decided(reviews.confirm, review_id)


@bp.post("/<uuid:review_id>/decline")
@bp.output(ReviewWritten)
def decline(review_id: UUID) -> ReviewWritten:
    """They are two payments; never asked again. Safe twice; `undo` undoes it."""
    return decided(reviews.decline, review_id)


@bp.post("/<uuid:review_id>/undo")
@bp.output(ReviewWritten)
def undo(review_id: UUID) -> ReviewWritten:
    """Take the answer back: entries, edits and totals are as before. Safe twice."""
    return decided(reviews.undo, review_id)


def decided(decide: Decide, review_id: UUID) -> ReviewWritten:
    """The question after a decision, and the marks."""
    review, marks = decide(deps(), user_id(), review_id)
    return ReviewWritten(review=Review.model_validate(review), marked=marked(marks))

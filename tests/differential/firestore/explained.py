"""Differences that stay. Each has a row of the same name in docs/local-firestore.md: who is right, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.differential.firestore.program import Step


@dataclass(frozen=True)
class Reason:
    """Why an answer differs; `spreads`: what follows in the program cannot be compared any more."""

    name: str
    applies: Callable[[Step, Any, Any], bool]
    spreads: bool = False


def reason_for(step: Step, ours: Any, theirs: Any) -> Reason | None:
    """The first reason that applies, or None."""
    return next((reason for reason in REASONS if reason.applies(step, ours, theirs)), None)


def _skipped(step: Step, ours: Any, theirs: Any) -> bool:
    """Only the count of skipped results differs."""
    return step.method == "RunQuery" and {**ours, "skipped": 0} == {**theirs, "skipped": 0}


def _descending_list(step: Step, _ours: Any, theirs: Any) -> bool:
    return step.method == "ListDocuments" and "does not support descending key scans" in theirs.get("message", "")


def _nests_by_transform(step: Step, ours: Any, _theirs: Any) -> bool:
    refused = {"Cannot convert an array value in an array value.", "Cannot convert a vector value in an array value."}
    text = str(step.request)
    return ours.get("message") in refused and ("append_missing" in text or "remove_all" in text)


def _matches_nothing(step: Step, ours: Any, theirs: Any) -> bool:
    """One server refuses what the other finds nothing for, because a filter by null or NaN holds nothing."""
    answers, text = {**ours, **theirs}, str(step.request)
    refused = answers.get("message", "").startswith(_SHAPE_ERRORS)
    empty = not answers.get("found") and all(value in {"0", "null"} for value in answers.get("result", {}).values())
    return refused and empty and ("null_value" in text or "nan" in text)


def _listener_refused(step: Step, ours: Any, theirs: Any) -> bool:
    return (
        step.method == "Follow" and "removed FAILED_PRECONDITION" in str(theirs) and "removed INVALID_ARG" in str(ours)
    )


def _denied_before_checked(step: Step, ours: Any, theirs: Any) -> bool:
    denied = theirs.get("error") == "PERMISSION_DENIED" or "removed PERMISSION_DENIED" in str(theirs)
    return step.user != "owner" and denied and ours.get("message", "").startswith(_SHAPE_ERRORS)


def _name_elsewhere(step: Step, ours: Any, theirs: Any) -> bool:
    """A list is judged differently where the query names a document outside of its collection."""
    denied = "PERMISSION_DENIED" in str(ours.get("error")) or "PERMISSION_DENIED" in str(theirs.get("error"))
    return step.user != "owner" and denied and 'field_path: "__name__"' in str(step.request)


_SHAPE_ERRORS = ("order by clause cannot contain more", "Equality on key is not allowed")
REASONS = [
    Reason("skipped results", _skipped),
    Reason("list by name, descending", _descending_list),
    Reason("array in array by transform", _nests_by_transform, spreads=True),
    Reason("filter by null or NaN", _matches_nothing),
    Reason("code of a refused listener", _listener_refused),
    Reason("denied or malformed", _denied_before_checked),
    Reason("name outside of the collection", _name_elsewhere),
]

"""Lists are decided from the query alone, before anything is read: rules are not filters.

Each alternative of the query must be allowed. Of the documents it may return only the filtered fields are known, by
their constraints; every other field is absent, the document's id is unknown. A rule that is content with an absent
field therefore passes although stored documents may carry it (so does the vendor's): the lint forbids such rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

from .errors import EvaluationError
from .limits import MAX_DISJUNCTS
from .request import Query
from .values import Constraint, comparable, contains, equal, less, to_value

Clause = tuple[str, str, object]
Conjunction = tuple[Clause, ...]
_STEP = re.compile(r"`((?:\\.|[^`\\])*)`|([^.`]+)")
_ESCAPED = re.compile(r"\\(.)")


def alternatives(query: Query) -> list[Conjunction]:
    """The query's filter as conjunctions without `in` and `array-contains-any`; raises EvaluationError if too many."""
    spread: list[Conjunction] = []
    for conjunction in query.disjuncts or ((),):
        for combination in product(*(_choices(clause) for clause in conjunction)):
            spread.append(tuple(clause for choice in combination for clause in choice))
            if len(spread) > MAX_DISJUNCTS:
                raise EvaluationError(f"the query has more than {MAX_DISJUNCTS} alternatives")
    return spread


def _choices(clause: Clause) -> list[Conjunction]:
    field, operator, value = clause
    values = value if isinstance(value, list | tuple) else ()
    match operator:
        case "in":
            return [((field, "==", one),) for one in values]
        case "array-contains-any":
            return [((field, "array-contains", one),) for one in values]
        case "not-in":
            return [tuple((field, "!=", one) for one in values)]
        case _:
            return [(clause,)]


def known_data(conjunction: Conjunction) -> dict[str, object]:
    """`resource.data` of whatever the alternative returns: filtered fields only, an equality as its value."""
    by_field: dict[str, list[tuple[str, object]]] = {}
    for field, operator, value in conjunction:
        by_field.setdefault(field, []).append((operator, to_value(value)))
    data: dict[str, object] = {}
    for field in sorted(by_field):
        _place(data, _steps(field), _known(by_field[field]))
    return data


def _steps(field: str) -> list[str]:
    quoted = (found.group(1) is not None for found in _STEP.finditer(field))
    named = (found.group(1) or found.group(2) for found in _STEP.finditer(field))
    return [_ESCAPED.sub(r"\1", step) if inside else step for inside, step in zip(quoted, named, strict=True)]


def _known(clauses: list[tuple[str, object]]) -> object:
    exact = [value for operator, value in clauses if operator == "=="]
    return exact[0] if exact else Constraint(tuple(clauses))


def _place(data: dict[str, object], steps: list[str], known: object) -> None:
    for step in steps[:-1]:
        inner = data.setdefault(step, {})
        if not isinstance(inner, dict):
            return  # the outer field has a filter of its own, which says more than this one
        data = inner
    data[steps[-1]] = known


def constrained(operator: str, left: object, right: object) -> bool:
    """The comparison if the query's filters prove it; raises EvaluationError if they do not."""
    if isinstance(left, Constraint) and isinstance(right, Constraint):
        proven = False
    elif operator == "in":
        proven = isinstance(right, Constraint) and _proves(right, "array-contains", lambda value: equal(value, left))
    elif isinstance(left, Constraint):
        proven = _compare(left, operator, right)
    else:
        proven = isinstance(right, Constraint) and _compare(right, _MIRRORED.get(operator, ""), left)
    if not proven:
        raise EvaluationError("the query's filters do not prove this")
    return True


_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def _compare(field: Constraint, operator: str, bound: object) -> bool:
    match operator:
        case ">":
            return _proves(field, ">", lambda value: not less(value, bound)) or _proves(
                field, ">=", lambda value: less(bound, value)
            )
        case ">=":
            return any(_proves(field, above, lambda value: not less(value, bound)) for above in (">", ">="))
        case "<":
            return _proves(field, "<", lambda value: not less(bound, value)) or _proves(
                field, "<=", lambda value: less(value, bound)
            )
        case "<=":
            return any(_proves(field, below, lambda value: not less(bound, value)) for below in ("<", "<="))
        case "!=":
            return bound is None or _differs(field, bound)
        case _:
            return False


def _differs(field: Constraint, bound: object) -> bool:
    if _proves(field, "!=", lambda value: equal(value, bound)):
        return True
    ranged = any(known in _MIRRORED and comparable(value, bound) for known, value in field.clauses)
    return ranged and (_compare(field, ">", bound) or _compare(field, "<", bound))


def shares(field: Constraint, wanted: object) -> bool:
    """`field.hasAny(wanted)` if a filter proves it; raises EvaluationError if none does."""
    if isinstance(wanted, list) and _proves(field, "array-contains", lambda value: contains(wanted, value)):
        return True
    raise EvaluationError("the query's filters do not prove this")


def _proves(field: Constraint, operator: str, shows: Callable[[object], bool]) -> bool:
    return any(shows(value) for known, value in field.clauses if known == operator)

"""count, sum and average over a query.

Sums and averages look only at documents that have all aggregated fields: the fields are part of the order, after
what the query itself orders by, which decides what a limit keeps. The sum of nothing is the integer 0, the average of
nothing is null; integers that overflow turn into a double.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from local.firestore import fields as field_paths
from local.firestore import pb
from local.firestore.errors import invalid
from local.firestore.fields import FieldPath
from local.firestore.query.plan import Plan
from local.firestore.query.run import Found, run
from local.firestore.storage.store import Reader
from local.firestore.values import check_field_name

_MAX_AGGREGATIONS = 5
_INTEGERS = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Aggregation:
    """One number wanted: what of which field, under which alias."""

    alias: str
    kind: str
    path: FieldPath | None
    up_to: int | None


def read_aggregations(messages: Sequence[pb.Aggregation]) -> list[Aggregation]:
    """Takes the aggregations of a request apart; raises INVALID_ARGUMENT."""
    if not messages:
        raise invalid("Aggregations can not be empty")
    if len(messages) > _MAX_AGGREGATIONS:
        raise invalid(f"The maximum number of aggregations allowed in an aggregation query is {_MAX_AGGREGATIONS}.")
    wanted: list[Aggregation] = []
    unnamed = count(1)
    for message in messages:
        check_field_name(message.alias or "unnamed")
        one = _read(message, message.alias or f"field_{next(unnamed)}")
        if any(other.alias == one.alias for other in wanted):
            raise invalid(f"Aggregation aliases contain duplicate alias: {one.alias}")
        wanted.append(one)
    return wanted


def aggregate(plan: Plan, reader: Reader, wanted: Sequence[Aggregation]) -> dict[str, pb.Value]:
    """The numbers, by alias."""
    paths = tuple(dict.fromkeys(one.path for one in wanted if one.path is not None))
    unordered = sorted({*paths} - {order.path for order in plan.orders})
    if unordered and plan.is_ordered_by_name:
        raise invalid(
            f"This query requires an index that has fields [{', '.join(map(field_paths.render, unordered))}] after "
            "__name__ and Firestore does not currently support such an index."
        )
    found = run(plan.ordered_also_by(unordered), reader).found
    return {one.alias: _compute(one, found) for one in wanted}


def _read(message: pb.Aggregation, alias: str) -> Aggregation:
    kind = message.WhichOneof("operator")
    if kind == "count":
        up_to = message.count.up_to.value if message.count.HasField("up_to") else None
        if up_to is not None and up_to <= 0:
            raise invalid("up_to must be greater than zero")
        return Aggregation(alias, kind, None, up_to)
    if kind not in {"sum", "avg"}:
        raise invalid("An aggregation must be count, sum or avg.")
    path = field_paths.parse(getattr(message, kind).field.field_path)
    if path == field_paths.NAME:
        raise invalid(f"Aggregation {kind} cannot be used on __name__.")
    return Aggregation(alias, kind, path, None)


def _compute(one: Aggregation, found: list[Found]) -> pb.Value:
    if one.path is None:
        return pb.Value(integer_value=len(found) if one.up_to is None else min(len(found), one.up_to))
    numbers = list(_numbers(found, one.path))
    if one.kind == "sum":
        return _as_value(_total(numbers))
    return pb.Value(double_value=_total(numbers) / len(numbers)) if numbers else pb.Value(null_value=0)


def _numbers(found: list[Found], path: FieldPath) -> Iterable[int | float]:
    for one in found:
        value = field_paths.get(one.candidate.fields, path)
        kind = None if value is None else value.WhichOneof("value_type")
        if value is not None and kind in {"integer_value", "double_value"}:
            yield getattr(value, kind)


def _total(numbers: Iterable[int | float]) -> int | float:
    """Integers are added exactly, doubles one by one, and the two sums then."""
    integers, doubles = 0, None
    for number in numbers:
        if isinstance(number, int):
            integers += number
        else:
            doubles = number if doubles is None else doubles + number
    return integers if doubles is None else integers + doubles


def _as_value(total: int | float) -> pb.Value:
    if isinstance(total, int) and total in _INTEGERS:
        return pb.Value(integer_value=total)
    return pb.Value(double_value=float(total))

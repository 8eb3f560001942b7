"""The order of a query's results and the cursors that cut it.

A query is ordered by what it names, then by its remaining inequality fields, then by document name in the last
direction. Documents that lack an ordered field are not part of it. Keys compare as Python tuples; a descending
part is wrapped so that it compares the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering
from typing import Any, TypeAlias

from local.firestore import fields as field_paths
from local.firestore import pb
from local.firestore.errors import invalid
from local.firestore.fields import NAME, FieldPath
from local.firestore.names import path_key
from local.firestore.query.filters import Candidate
from local.firestore.values import REFERENCE, order_key

SortKey: TypeAlias = tuple[Any, ...]


@total_ordering
class Descending:
    """A key that sorts the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and bool(self.key == other.key)

    def __lt__(self, other: Descending) -> bool:
        return bool(other.key < self.key)

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass(frozen=True)
class Order:
    """One part of an order: a field and its direction."""

    path: FieldPath
    descending: bool


def complete(explicit: Iterable[Any], inequalities: Iterable[FieldPath]) -> tuple[Order, ...]:
    """The full order of a query; raises INVALID_ARGUMENT when something follows the name."""
    orders = [Order(field_paths.parse(order.field.field_path), order.direction == 2) for order in explicit]
    if any(order.path == NAME for order in orders[:-1]):
        raise invalid("order by clause cannot contain more fields after the key")
    named = {order.path for order in orders}
    if len(named) < len(orders):
        raise invalid("order by clause cannot contain duplicate fields")
    last = orders[-1].descending if orders else False
    orders += [Order(path, last) for path in sorted(set(inequalities) - named - {NAME})]
    if NAME not in named:
        orders.append(Order(NAME, last))
    if any(order.path == NAME for order in orders[:-1]):
        raise invalid("order by clause cannot contain more fields after the key")
    return tuple(orders)


def sort_key(orders: tuple[Order, ...], candidate: Candidate) -> SortKey | None:
    """Where a document stands in an order, or None when it lacks one of the fields."""
    parts: list[Any] = []
    for order in orders:
        key = candidate.key(order.path)
        if key is None:
            return None
        parts.append(Descending(key) if order.descending else key)
    return tuple(parts)


@dataclass(frozen=True)
class Bound:
    """A cursor: a prefix of the order, and whether the position lies right before or right after its equals."""

    key: SortKey
    before: bool

    def admits_as_start(self, key: SortKey) -> bool:
        prefix = key[: len(self.key)]
        return prefix >= self.key if self.before else prefix > self.key

    def admits_as_end(self, key: SortKey) -> bool:
        prefix = key[: len(self.key)]
        return prefix < self.key if self.before else prefix <= self.key


def read_bound(cursor: pb.Cursor, orders: tuple[Order, ...], collection: str | None) -> Bound:
    """Takes a cursor apart; raises INVALID_ARGUMENT when it has more values than the order has parts."""
    if len(cursor.values) > len(orders):
        raise invalid("Cursor has too many values.")
    parts: list[Any] = []
    for order, value in zip(orders, cursor.values, strict=False):
        key = _name_key(value, collection) if order.path == NAME else order_key(value)
        parts.append(Descending(key) if order.descending else key)
    return Bound(tuple(parts), cursor.before)


def _name_key(value: pb.Value, collection: str | None) -> Any:
    kind = value.WhichOneof("value_type")
    if kind == "reference_value":
        return (REFERENCE, path_key(value.reference_value.partition("/documents/")[2]))
    if kind == "string_value" and collection is not None:
        return (REFERENCE, path_key(f"{collection}/{value.string_value}"))
    raise invalid("A cursor on __name__ must be a reference.")

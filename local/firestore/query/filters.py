"""Filters as predicates over a document's fields.

A filter never matches a document that lacks its field. Ranges match only values of the operand's own type, and NaN
lies outside every range. `!=` and `not-in` want the field present and not null. The tree is also offered as
disjuncts (a list of AND groups), which the rules need to decide a list without looking at documents.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from local.firestore import fields as field_paths
from local.firestore import pb
from local.firestore.errors import invalid
from local.firestore.fields import NAME, FieldPath
from local.firestore.names import path_key
from local.firestore.values import ARRAY, NAN_KEY, NULL_KEY, REFERENCE, Key, order_key, stored_key

MAX_DISJUNCTIONS = 30
MAX_NOT_IN = 10


class Candidate:
    """A document while a query looks at it: its fields, parsed on demand, and sort keys, made once."""

    __slots__ = ("_keys", "fields", "path")

    def __init__(self, path: str, fields: Any) -> None:
        self.path = path
        self.fields = fields
        self._keys: dict[FieldPath, Key | None] = {}

    def key(self, path: FieldPath) -> Key | None:
        """The sort key of a field, or None where the field is missing."""
        if path not in self._keys:
            self._keys[path] = self._make(path)
        return self._keys[path]

    def _make(self, path: FieldPath) -> Key | None:
        if path == NAME:
            return (REFERENCE, path_key(self.path))
        value = field_paths.get(self.fields, path)
        return None if value is None else order_key(value)


Predicate: TypeAlias = Callable[[Candidate], bool]


@dataclass(frozen=True)
class Condition:
    """One comparison: field, operator as clients write it, operand (a Value, or None for the unary ones)."""

    path: FieldPath
    op: str
    operand: pb.Value

    @property
    def is_inequality(self) -> bool:
        return self.op in {"<", "<=", ">", ">=", "!=", "not-in"}

    @property
    def disjuncts(self) -> int:
        return len(self.operand.array_value.values) if self.op in {"in", "array-contains-any"} else 1


@dataclass(frozen=True)
class Group:
    """Several filters joined by AND or OR."""

    op: str
    parts: tuple[Condition | Group, ...]


Tree: TypeAlias = Condition | Group

_FIELD_OPS = {
    1: "<", 2: "<=", 3: ">", 4: ">=", 5: "==", 6: "!=", 7: "array-contains", 8: "in", 9: "array-contains-any",
    10: "not-in",
}  # fmt: skip
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def read_filter(message: pb.Filter) -> Tree:
    """Takes a Filter message apart; raises INVALID_ARGUMENT."""
    kind = message.WhichOneof("filter_type")
    if kind is None:
        raise invalid("A filter must be composite, of a field, or unary.")
    if kind == "composite_filter":
        return _read_group(message.composite_filter)
    return _read_unary(message.unary_filter) if kind == "unary_filter" else _read_condition(message.field_filter)


def conditions(tree: Tree | None) -> Iterator[Condition]:
    """All comparisons of a tree, from left to right."""
    if isinstance(tree, Condition):
        yield tree
    elif tree is not None:
        for part in tree.parts:
            yield from conditions(part)


def disjuncts(tree: Tree | None) -> list[list[Condition]]:
    """The tree as alternatives of AND groups; `in` and `array-contains-any` become one alternative per value."""
    if tree is None:
        return [[]]
    if isinstance(tree, Condition):
        return [[single] for single in _split(tree)]
    if tree.op == "OR":
        return [group for part in tree.parts for group in disjuncts(part)]
    groups: list[list[Condition]] = [[]]
    for part in tree.parts:
        groups = [left + right for left in groups for right in disjuncts(part)]
    return groups


def possible(tree: Tree | None) -> Tree | None:
    """The tree without what can never match; None where nothing is left."""
    if tree is None or _is_impossible(tree):
        return None
    if isinstance(tree, Condition):
        return tree
    return Group(tree.op, tuple(part for part in map(possible, tree.parts) if part is not None))


def _is_impossible(tree: Tree) -> bool:
    if isinstance(tree, Group):
        return (all if tree.op == "OR" else any)(_is_impossible(part) for part in tree.parts)
    key = order_key(tree.operand)
    if tree.op in _COMPARE:
        return key in {NULL_KEY, NAN_KEY}
    if tree.op not in {"in", "not-in", "array-contains-any"}:
        return False
    keys = {order_key(value) for value in tree.operand.array_value.values}
    return NULL_KEY in keys if tree.op == "not-in" else keys <= {NULL_KEY, NAN_KEY}


def predicate(tree: Tree | None) -> Predicate:
    """A function that tells whether a document matches."""
    if tree is None:
        return lambda _candidate: True
    if isinstance(tree, Condition):
        return _compile(tree)
    parts = [predicate(part) for part in tree.parts]
    if tree.op == "OR":
        return lambda candidate: any(part(candidate) for part in parts)
    return lambda candidate: all(part(candidate) for part in parts)


def _read_group(message: pb.CompositeFilter) -> Tree:
    if message.op not in {1, 2}:
        raise invalid("A composite filter needs the operator AND or OR.")
    parts = tuple(map(read_filter, message.filters))
    if not parts:
        raise invalid("A composite filter needs at least one filter.")
    return parts[0] if len(parts) == 1 and message.op == 1 else Group("AND" if message.op == 1 else "OR", parts)


def _read_unary(message: pb.UnaryFilter) -> Condition:
    path = field_paths.parse(message.field.field_path)
    operand = pb.Value(null_value=0) if message.op in {3, 5} else pb.Value(double_value=float("nan"))
    if message.op not in {2, 3, 4, 5}:
        raise invalid("A unary filter needs an operator.")
    return Condition(path, "==" if message.op in {2, 3} else "!=", operand)


def _read_condition(message: pb.FieldFilter) -> Condition:
    if message.op not in _FIELD_OPS:
        raise invalid("A field filter needs an operator.")
    if message.value.WhichOneof("value_type") is None:
        raise invalid("A field filter needs a value.")
    condition = Condition(field_paths.parse(message.field.field_path), _FIELD_OPS[message.op], message.value)
    if condition.op in {"in", "not-in", "array-contains-any"}:
        _check_list(condition)
    if condition.path == NAME:
        _check_name(condition)
    return condition


def _check_list(condition: Condition) -> None:
    if condition.operand.WhichOneof("value_type") != "array_value" or not condition.operand.array_value.values:
        raise invalid(f"'{condition.op}' requires a non-empty array value.")
    most = MAX_NOT_IN if condition.op == "not-in" else MAX_DISJUNCTIONS
    if len(condition.operand.array_value.values) > most:
        raise invalid(f"'{condition.op}' supports up to {most} comparison values.")


def _check_name(condition: Condition) -> None:
    if condition.op in {"array-contains", "array-contains-any"}:
        raise invalid(f"'{condition.op}' cannot be used on __name__.")
    listed = condition.op in {"in", "not-in"}
    values = condition.operand.array_value.values if listed else [condition.operand]
    if any(value.WhichOneof("value_type") != "reference_value" for value in values):
        raise invalid("__key__ filter value must be a Key")


def _split(condition: Condition) -> Iterator[Condition]:
    single = {"in": "==", "array-contains-any": "array-contains"}.get(condition.op)
    if single is None:
        yield condition
        return
    for value in condition.operand.array_value.values:
        yield Condition(condition.path, single, value)


def _compile(condition: Condition) -> Predicate:
    path, op = condition.path, condition.op
    if op == "in":
        return _among(path, _wanted(condition))
    if op in {"array-contains", "array-contains-any"}:
        return _array_contains(condition)
    if op == "not-in":
        return _not_in(path, {_operand_key(path, value) for value in condition.operand.array_value.values})
    key = _operand_key(path, condition.operand)
    if op == "==":
        return _among(path, {key})
    return _differs(path, key) if op == "!=" else _range(path, op, key)


def _among(path: FieldPath, wanted: set[Key]) -> Predicate:
    return lambda candidate: candidate.key(path) in wanted


def _not_in(path: FieldPath, unwanted: set[Key]) -> Predicate:
    if NULL_KEY in unwanted:
        return lambda _candidate: False
    refused = {*unwanted, None, NULL_KEY}
    return lambda candidate: candidate.key(path) not in refused


def _differs(path: FieldPath, key: Key) -> Predicate:
    refused = {key, None, NULL_KEY}
    return lambda candidate: candidate.key(path) not in refused


def _range(path: FieldPath, op: str, key: Key) -> Predicate:
    compare, kind = _COMPARE[op], key[0]
    if key == NAN_KEY:
        return lambda _candidate: False

    def in_range(candidate: Candidate) -> bool:
        found = candidate.key(path)
        return found is not None and found[0] == kind and found != NAN_KEY and compare(found, key)

    return in_range


def _array_contains(condition: Condition) -> Predicate:
    path = condition.path
    wanted = _wanted(condition) if condition.op == "array-contains-any" else {stored_key(condition.operand)}

    def contains(candidate: Candidate) -> bool:
        found = candidate.key(path)
        return found is not None and found[0] == ARRAY and not wanted.isdisjoint(found[1])

    return contains


def _wanted(condition: Condition) -> set[Key]:
    keys = {_operand_key(condition.path, value) for value in condition.operand.array_value.values}
    return keys - {NULL_KEY, NAN_KEY}


def _operand_key(path: FieldPath, value: pb.Value) -> Key:
    if path != NAME:
        return stored_key(value)
    _, found, relative = value.reference_value.partition("/documents/")
    return (REFERENCE, path_key(relative if found else ""))

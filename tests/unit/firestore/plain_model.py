"""What a Firestore does, told a second time with nothing but Python's own values: dicts, a comparison and loops.

It shares no line with `local.firestore`: where the two differ one of them is wrong. Values are None, bool, int, float,
str, bytes, list and dict. Slow and small on purpose.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

Documents = dict[str, dict[str, Any]]
MISSING = object()
_RANKS = [type(None), bool, (int, float), str, bytes, list, dict]


class Refused(Exception):
    """A write that must not be applied."""


# --- values ----------------------------------------------------------------------------------------------------------


def rank(value: Any) -> int:
    return next(place for place, kinds in enumerate(_RANKS) if isinstance(value, kinds))


def compare(left: Any, right: Any) -> int:
    """-1, 0 or 1 in the documented order of values."""
    if rank(left) != rank(right):
        return _sign(rank(left), rank(right))
    if isinstance(left, int | float) and not isinstance(left, bool):
        return _compare_numbers(left, right)
    if isinstance(left, str):
        return _sign(left.encode(), right.encode())
    if isinstance(left, list):
        return _compare_rows(left, right)
    if isinstance(left, dict):
        return _compare_rows(_row(left), _row(right))
    return 0 if left is None else _sign(left, right)


def is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _sign(left: Any, right: Any) -> int:
    return (left > right) - (left < right)


def _compare_numbers(left: float, right: float) -> int:
    if is_nan(left) or is_nan(right):
        return is_nan(right) - is_nan(left)
    return _sign(left, right)


def _compare_rows(left: list[Any], right: list[Any]) -> int:
    for one, other in zip(left, right, strict=False):
        if found := compare(one, other):
            return found
    return _sign(len(left), len(right))


def _row(map_: dict[str, Any]) -> list[Any]:
    return [part for name in sorted(map_, key=str.encode) for part in (name, map_[name])]


# --- fields ----------------------------------------------------------------------------------------------------------


def get(document: dict[str, Any], path: str) -> Any:
    """The value at a dotted path, or MISSING."""
    value: Any = document
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value


def put(document: dict[str, Any], path: str, value: Any) -> None:
    """Sets the value at a dotted path; MISSING takes it away."""
    *way, last = path.split(".")
    for name in way:
        if not isinstance(document.get(name), dict):
            if value is MISSING:
                return
            document[name] = {}
        document = document[name]
    if value is MISSING:
        document.pop(last, None)
    else:
        document[last] = copy.deepcopy(value)


# --- queries ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filter:
    """One comparison."""

    path: str
    op: str
    operand: Any

    def matches(self, document: dict[str, Any]) -> bool:
        value = get(document, self.path)
        return value is not MISSING and _OPERATORS[self.op](value, self.operand)

    @property
    def is_impossible(self) -> bool:
        """Whether no document can match: the service then forgets the alternative, for the order too."""
        if self.op in {"<", "<=", ">", ">="}:
            return self.operand is None or is_nan(self.operand)
        if self.op == "not-in":
            return None in self.operand
        return self.op in {"in", "array-contains-any"} and all(one is None or is_nan(one) for one in self.operand)

    @property
    def is_inequality(self) -> bool:
        return self.op in {"<", "<=", ">", ">=", "!=", "not-in"}


@dataclass(frozen=True)
class Query:
    """A list of alternatives, each a list of filters that must all hold; the rest as clients say it."""

    alternatives: list[list[Filter]]
    order_by: list[tuple[str, bool]]
    start: tuple[list[Any], bool] | None = None
    end: tuple[list[Any], bool] | None = None
    offset: int = 0
    limit: int | None = None

    def orders(self) -> list[tuple[str, bool]]:
        """The whole order but for the name: what was said, then the other inequality fields by name."""
        said = [path for path, _ in self.order_by]
        possible = [group for group in self.alternatives if not any(one.is_impossible for one in group)]
        more = {one.path for group in possible for one in group if one.is_inequality} - set(said)
        return [*self.order_by, *((path, self.descending) for path in sorted(more))]

    @property
    def descending(self) -> bool:
        return bool(self.order_by) and self.order_by[-1][1]

    def run(self, documents: Documents) -> list[str]:
        """The names of what it finds, in order."""
        found = [name for name, document in documents.items() if self._belongs(document)]
        found.sort(key=cmp_to_key(lambda one, other: self._compare(documents, one, other)))
        kept = [name for name in found if self._between(documents[name])]
        return kept[self.offset :][: self.limit]

    def _belongs(self, document: dict[str, Any]) -> bool:
        matching = any(all(one.matches(document) for one in group) for group in self.alternatives)
        return matching and all(get(document, path) is not MISSING for path, _ in self.orders())

    def _compare(self, documents: Documents, one: str, other: str) -> int:
        for path, descending in self.orders():
            if found := compare(get(documents[one], path), get(documents[other], path)):
                return -found if descending else found
        found = _sign(one.encode(), other.encode())
        return -found if self.descending else found

    def _between(self, document: dict[str, Any]) -> bool:
        after_start = self.start is None or self._against(document, self.start[0]) >= (0 if self.start[1] else 1)
        return after_start and (self.end is None or self._against(document, self.end[0]) < (0 if self.end[1] else 1))

    def _against(self, document: dict[str, Any], values: list[Any]) -> int:
        for (path, descending), value in zip(self.orders(), values, strict=False):
            if found := compare(get(document, path), value):
                return -found if descending else found
        return 0


def _among(value: Any, values: list[Any]) -> bool:
    return any(compare(value, one) == 0 for one in values if one is not None and not is_nan(one))


def _in_range(value: Any, operand: Any, wanted: set[int]) -> bool:
    if rank(value) != rank(operand) or is_nan(value) or is_nan(operand):
        return False
    return compare(value, operand) in wanted


_OPERATORS = {
    "==": lambda value, operand: compare(value, operand) == 0,
    "!=": lambda value, operand: value is not None and compare(value, operand) != 0,
    "<": lambda value, operand: _in_range(value, operand, {-1}),
    "<=": lambda value, operand: _in_range(value, operand, {-1, 0}),
    ">": lambda value, operand: _in_range(value, operand, {1}),
    ">=": lambda value, operand: _in_range(value, operand, {0, 1}),
    "in": _among,
    "not-in": lambda value, operand: (
        value is not None and not any(one is None or compare(value, one) == 0 for one in operand)
    ),
    "array-contains": lambda value, operand: (
        isinstance(value, list) and any(compare(one, operand) == 0 for one in value)
    ),
    "array-contains-any": lambda value, operand: isinstance(value, list) and any(_among(one, operand) for one in value),
}


# --- writes ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Write:
    """One write: fields (None deletes), a mask to change only that, transforms after it, demanded existence."""

    name: str
    fields: dict[str, Any] | None
    mask: tuple[str, ...] | None = None
    transforms: tuple[tuple[str, str, Any], ...] = ()
    exists: bool | None = None


def commit(documents: Documents, writes: list[Write]) -> Documents:
    """The documents after all writes; raises Refused, and then nothing has happened."""
    after = copy.deepcopy(documents)
    for write in writes:
        if write.exists is not None and write.exists != (write.name in after):
            raise Refused
        if write.fields is None:
            after.pop(write.name, None)
        else:
            after[write.name] = _changed(after.get(write.name, {}), write)
    return after


def _changed(before: dict[str, Any], write: Write) -> dict[str, Any]:
    assert write.fields is not None
    content = copy.deepcopy(before if write.mask is not None else write.fields)
    for path in write.mask or ():
        put(content, path, get(write.fields, path))
    for path, kind, operand in write.transforms:
        put(content, path, _TRANSFORMS[kind](get(content, path), operand))
    return content


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _increment(old: Any, operand: Any) -> Any:
    if not _number(old):
        return operand
    total = old + operand
    return max(min(total, 2**63 - 1), -(2**63)) if isinstance(total, int) else total


def _extreme(old: Any, operand: Any, sign: int) -> Any:
    if not _number(old):
        return operand
    if is_nan(old) or is_nan(operand):
        return math.nan
    return operand if _compare_numbers(operand, old) == sign else old


def _union(old: Any, operand: list[Any]) -> list[Any]:
    kept = list(old) if isinstance(old, list) else []
    for one in operand:
        if all(compare(one, other) for other in kept):
            kept.append(one)
    return kept


_TRANSFORMS = {
    "increment": _increment,
    "maximum": lambda old, operand: _extreme(old, operand, 1),
    "minimum": lambda old, operand: _extreme(old, operand, -1),
    "union": _union,
    "remove": lambda old, operand: [
        one for one in (old if isinstance(old, list) else []) if all(compare(one, other) for other in operand)
    ],
}

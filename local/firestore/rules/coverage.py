"""What the rules were asked and what each piece of them answered: by expression, and by allow.

Kept per loaded file from its first question on, in memory. Of a value only its kind is kept when it is large (a map, a
list), so asking stays cheap; of one expression at most so many different values, the rest is counted together. The
JSON report has the shape of the vendor's emulator; the page (coverage_page.py) is made from the same counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, TypeAlias

from . import nodes
from .errors import EvaluationError, Span
from .values import Constraint, Duration, Path, Timestamp

_MOST_VALUES = 20
_MOST_CHARACTERS = 200
Seen: TypeAlias = tuple[str, str | bool | int | float | None]
_OTHER: Seen = ("other", None)


class Coverage:
    """Counts of one rules file. Adding is for the thread that decides."""

    def __init__(self) -> None:
        self._values: dict[Span, Counter[Seen]] = defaultdict(Counter)
        self._skipped: Counter[Span] = Counter()
        self.allows: dict[Span, Counter[tuple[str, str]]] = defaultdict(Counter)

    def saw(self, at: Span, value: object) -> None:
        """An expression had this value."""
        self._count(self._values[at], _seen(value))

    def failed(self, at: Span, error: EvaluationError) -> None:
        """An expression had none."""
        self._count(self._values[at], ("error", error.message[:_MOST_CHARACTERS]))

    def skipped(self, at: Span) -> None:
        """An expression was not asked, since what stood before it decided alone."""
        self._skipped[at] += 1

    def decided(self, allow: nodes.Allow, method: str, verdict: str) -> None:
        """An allow was asked about a method: granted, refused or error."""
        self.allows[allow.at][method, verdict] += 1

    def values(self, at: Span) -> Counter[Seen]:
        """What an expression answered, and how often."""
        return self._values.get(at, Counter())

    def report(self, file: nodes.File) -> list[dict[str, Any]]:
        """Every expression of the file as the vendor's emulator reports it: the end is its last character, an empty
        value stands for each time that something before it decided alone; those never reached have no values.
        """
        return [self._tree(expression) for expression in everything(file)]

    def _tree(self, node: nodes.Expr, skipped: int = 0) -> dict[str, Any]:
        skipped += self._skipped[node.at]
        values = [{"value": _as_json(seen), "count": count} for seen, count in self.values(node.at).items()]
        tree: dict[str, Any] = {
            "sourcePosition": {
                "line": node.at.line, "column": node.at.column, "currentOffset": node.at.start,
                "endOffset": node.at.end - 1,
            },
            "values": values + ([{"value": {}, "count": skipped}] if skipped else []),
        }  # fmt: skip
        if inner := nodes.children(node):
            tree["children"] = [self._tree(child, skipped) for child in inner]
        return tree

    @staticmethod
    def _count(counts: Counter[Seen], seen: Seen) -> None:
        counts[seen if seen in counts or len(counts) < _MOST_VALUES else _OTHER] += 1


def everything(file: nodes.File) -> Iterator[nodes.Expr]:
    """Every outermost expression of a file: of functions and of allows."""
    for function in (*file.functions, *file.service_functions):
        yield from nodes.function_expressions(function)
    for match in file.matches:
        yield from nodes.expressions(match)


def allows(file: nodes.File) -> Iterator[nodes.Allow]:
    """Every allow of a file, in source order of their matches."""
    pending = list(file.matches)
    while pending:
        match = pending.pop(0)
        yield from match.allows
        pending = [*match.matches, *pending]


def _seen(value: object) -> Seen:
    if isinstance(value, bool):
        return "boolValue", value
    if value is None:
        return "nullValue", None
    if isinstance(value, int):
        return "intValue", value
    if isinstance(value, float):
        return "floatValue", value
    if isinstance(value, str):
        return "stringValue", value[:_MOST_CHARACTERS]
    return _LARGE.get(type(value), "mapValue"), str(value) if isinstance(value, Path) else None


_LARGE: dict[type, str] = {
    list: "listValue", bytes: "bytesValue", Path: "pathValue", Timestamp: "timestampValue", Duration: "durationValue",
    Constraint: "constraintValue",
}  # fmt: skip


def _as_json(seen: Seen) -> dict[str, Any]:
    kind, value = seen
    if kind == "error":
        return {"undefined": {"causeMessage": value}}
    if kind == "intValue":
        return {kind: str(value)}
    if kind in ("mapValue", "listValue", "constraintValue", "other"):
        return {"mapValue" if kind == "other" else kind: {}}
    return {kind: value}

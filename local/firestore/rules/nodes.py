"""The tree of a rules file: small frozen classes, each with the span of source it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from .errors import Span


@dataclass(frozen=True, slots=True)
class Literal:
    at: Span
    value: object


@dataclass(frozen=True, slots=True)
class Name:
    at: Span
    name: str


@dataclass(frozen=True, slots=True)
class ListOf:
    at: Span
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    at: Span
    pairs: tuple[tuple[Expr, Expr], ...]


@dataclass(frozen=True, slots=True)
class PathOf:
    """A path literal; a segment is text or the expression inside `$( )`."""

    at: Span
    segments: tuple[str | Expr, ...]


@dataclass(frozen=True, slots=True)
class Member:
    at: Span
    target: Expr
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    at: Span
    target: Expr
    index: Expr


@dataclass(frozen=True, slots=True)
class Slice:
    at: Span
    target: Expr
    start: Expr | None
    end: Expr | None


@dataclass(frozen=True, slots=True)
class Call:
    """A function by name; `math.abs` and its like carry the namespace in the name."""

    at: Span
    name: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Method:
    at: Span
    target: Expr
    name: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    at: Span
    operator: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary:
    at: Span
    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Logic:
    """A chain of one operator, `&&` or `||`, over two or more operands."""

    at: Span
    operator: str
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class IsType:
    at: Span
    operand: Expr
    type: str


@dataclass(frozen=True, slots=True)
class Ternary:
    at: Span
    condition: Expr
    then: Expr
    otherwise: Expr


Expr: TypeAlias = (
    Literal | Name | ListOf | MapOf | PathOf | Member | Index | Slice | Call | Method | Unary | Binary | Logic
    | IsType | Ternary
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Let:
    at: Span
    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Function:
    at: Span
    name: str
    parameters: tuple[str, ...]
    lets: tuple[Let, ...]
    body: Expr


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a match pattern; kind is literal, wildcard or glob."""

    at: Span
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Allow:
    """`condition` is None where the file gives none: always."""

    at: Span
    methods: tuple[str, ...]
    condition: Expr | None


@dataclass(frozen=True, slots=True)
class Match:
    at: Span
    pattern: tuple[Segment, ...]
    functions: tuple[Function, ...]
    matches: tuple[Match, ...]
    allows: tuple[Allow, ...]


@dataclass(frozen=True, slots=True)
class File:
    version: str
    functions: tuple[Function, ...]
    service_functions: tuple[Function, ...]
    matches: tuple[Match, ...]


_INSIDE: dict[type, Callable[[Any], tuple[Expr, ...]]] = {
    Literal: lambda node: (),
    Name: lambda node: (),
    ListOf: lambda node: node.items,
    MapOf: lambda node: tuple(part for pair in node.pairs for part in pair),
    PathOf: lambda node: tuple(segment for segment in node.segments if not isinstance(segment, str)),
    Member: lambda node: (node.target,),
    Index: lambda node: (node.target, node.index),
    Slice: lambda node: tuple(part for part in (node.target, node.start, node.end) if part is not None),
    Call: lambda node: node.arguments,
    Method: lambda node: (node.target, *node.arguments),
    Unary: lambda node: (node.operand,),
    Binary: lambda node: (node.left, node.right),
    Logic: lambda node: node.operands,
    IsType: lambda node: (node.operand,),
    Ternary: lambda node: (node.condition, node.then, node.otherwise),
}


def children(node: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside an expression, in source order."""
    return _INSIDE[type(node)](node)


def walk(node: Expr) -> Iterator[Expr]:
    """The expression and everything inside it."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(children(current)))


def function_expressions(function: Function) -> tuple[Expr, ...]:
    return (*(let.value for let in function.lets), function.body)


def expressions(match: Match) -> Iterator[Expr]:
    """Every outermost expression of a match and of what is nested in it."""
    for function in match.functions:
        yield from function_expressions(function)
    yield from (allow.condition for allow in match.allows if allow.condition is not None)
    for inner in match.matches:
        yield from expressions(inner)

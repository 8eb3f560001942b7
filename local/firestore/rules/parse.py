"""From the text of a rules file to its tree. What the grammar cannot read is refused with line and column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NoReturn

from lark import Token, Transformer_NonRecursive, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError
from lark.tree import Meta

from . import nodes
from .errors import RulesSyntaxError, Span, refuse
from .grammar import parser
from .limits import INT_MIN
from .literals import bytes_value, int_value, string_value
from .values import UNBOUND

NAMESPACES = frozenset({"duration", "hashing", "latlng", "math", "timestamp"})
TYPES = frozenset(
    {"bool", "bytes", "constraint", "duration", "float", "int", "latlng", "list", "map", "map_diff", "number"}
    | {"path", "set", "string", "timestamp"}
)
_WORDS = frozenset({"allow", "function", "if", "in", "is", "let", "match", "return", "rules_version", "service"})
METHODS: dict[str, tuple[str, ...]] = {
    "read": ("get", "list"), "write": ("create", "update", "delete"), "get": ("get",), "list": ("list",),
    "create": ("create",), "update": ("update",), "delete": ("delete",),
}  # fmt: skip


def parse(text: str) -> nodes.File:
    """The tree of a rules file; raises RulesSyntaxError with line and column."""
    try:
        tree = parser().parse(text)
    except UnexpectedInput as error:
        _explain(error, text)
    try:
        built: nodes.File = _Builder().transform(tree)
    except VisitError as error:
        if isinstance(error.orig_exc, RulesSyntaxError):
            raise error.orig_exc from None
        raise
    return built


def _explain(error: UnexpectedInput, text: str) -> NoReturn:
    line, column = error.line, error.column
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        lines = text.split("\n")
        raise RulesSyntaxError("unexpected end of the file", len(lines), len(lines[-1]) + 1) from None
    found = text[error.pos_in_stream : (error.pos_in_stream or 0) + 1] if error.pos_in_stream is not None else ""
    if isinstance(error, UnexpectedToken):
        found = str(error.token)
        if _follows_if(text, error.pos_in_stream or 0) and found in (";", "}"):
            raise RulesSyntaxError("missing condition after 'if'", line, column) from None
    elif isinstance(error, UnexpectedCharacters):
        found = error.char
    raise RulesSyntaxError(f"unexpected '{found}'", line, column) from None


def _follows_if(text: str, position: int) -> bool:
    return re.search(r"\bif\s*\Z", text[:position]) is not None


def _span(meta: Meta) -> Span:
    if meta.empty:
        return Span(1, 1, 0, 0)
    return Span(meta.line, meta.column, meta.start_pos, meta.end_pos)


def _token_span(token: Token) -> Span:
    start = token.start_pos or 0
    return Span(token.line or 1, token.column or 1, start, token.end_pos or start)


def _need_declaration(kind: str, meta: Meta, parts: list[Any]) -> None:
    """The first part names the block; there must be something in it. Told at the brace that closes it."""
    if len(parts) < 2:
        brace = Span(meta.end_line, meta.end_column - 1, meta.end_pos - 1, meta.end_pos)
        raise refuse(f"the body of a '{kind}' must contain at least one declaration", brace)


@dataclass(frozen=True)
class _Service:
    """A service block; a file may hold other products' beside Firestore's."""

    name: str
    at: Span
    functions: tuple[nodes.Function, ...]
    matches: tuple[nodes.Match, ...]


@v_args(meta=True)
class _Builder(Transformer_NonRecursive[Any, nodes.File]):
    """One method per rule of the grammar; each makes one node."""

    def start(self, meta: Meta, parts: list[Any]) -> nodes.File:
        version = next((part for part in parts if isinstance(part, str)), "1")
        functions = tuple(part for part in parts if isinstance(part, nodes.Function))
        services = [part for part in parts if isinstance(part, _Service)]
        ours = [service for service in services if service.name == "cloud.firestore"]
        if not ours:
            raise refuse(f"service {services[0].name} is not cloud.firestore", services[0].at)
        if len(ours) > 1:
            raise refuse("cloud.firestore is declared twice", ours[1].at)
        return nodes.File(version, functions, ours[0].functions, ours[0].matches)

    def version(self, meta: Meta, parts: list[Any]) -> str:
        version = string_value(parts[0], _token_span(parts[0]))
        if version not in ("1", "2"):
            raise refuse(f"unknown rules_version '{version}'", _token_span(parts[0]))
        return version

    def service(self, meta: Meta, parts: list[Any]) -> _Service:
        _need_declaration("service", meta, parts)
        name, at = parts[0]
        return _Service(
            name,
            at,
            tuple(part for part in parts if isinstance(part, nodes.Function)),
            tuple(part for part in parts if isinstance(part, nodes.Match)),
        )

    def dotted(self, meta: Meta, parts: list[Any]) -> tuple[str, Span]:
        return ".".join(parts), _span(meta)

    def match(self, meta: Meta, parts: list[Any]) -> nodes.Match:
        _need_declaration("match", meta, parts)
        return nodes.Match(
            _span(meta),
            parts[0],
            tuple(part for part in parts if isinstance(part, nodes.Function)),
            tuple(part for part in parts if isinstance(part, nodes.Match)),
            tuple(part for part in parts if isinstance(part, nodes.Allow)),
        )

    def pattern(self, meta: Meta, parts: list[Any]) -> tuple[nodes.Segment, ...]:
        return tuple(part for part in parts if isinstance(part, nodes.Segment))

    def literal_segment(self, meta: Meta, parts: list[Any]) -> nodes.Segment:
        return nodes.Segment(_span(meta), "literal", str(parts[0]))

    def bracketed_segment(self, meta: Meta, parts: list[Any]) -> nodes.Segment:
        return nodes.Segment(_span(meta), "literal", f"({parts[0]})")

    def wildcard(self, meta: Meta, parts: list[Any]) -> nodes.Segment:
        return nodes.Segment(_span(meta), "wildcard", str(parts[0]))

    def glob(self, meta: Meta, parts: list[Any]) -> nodes.Segment:
        return nodes.Segment(_span(meta), "glob", str(parts[0]))

    def allow(self, meta: Meta, parts: list[Any]) -> nodes.Allow:
        return nodes.Allow(_span(meta), parts[0], parts[1] if len(parts) > 1 else None)

    def condition(self, meta: Meta, parts: list[Any]) -> nodes.Expr:
        condition: nodes.Expr = parts[0]
        return condition

    def methods(self, meta: Meta, parts: list[Any]) -> tuple[str, ...]:
        for token in parts:
            if token not in METHODS:
                raise refuse(f"unknown method '{token}' in an allow", _token_span(token))
        return tuple(str(token) for token in parts)

    def function(self, meta: Meta, parts: list[Any]) -> nodes.Function:
        name, parameters, *lets, body = parts
        return nodes.Function(_span(meta), str(name), parameters, tuple(lets), body)

    def parameters(self, meta: Meta, parts: list[Any]) -> tuple[str, ...]:
        return tuple(str(token) for token in parts)

    def let(self, meta: Meta, parts: list[Any]) -> nodes.Let:
        return nodes.Let(_span(meta), str(parts[0]), parts[1])

    def ternary(self, meta: Meta, parts: list[Any]) -> nodes.Ternary:
        return nodes.Ternary(_span(meta), *parts)

    def logic_or(self, meta: Meta, parts: list[Any]) -> nodes.Logic:
        return _chain(_span(meta), "||", parts)

    def logic_and(self, meta: Meta, parts: list[Any]) -> nodes.Logic:
        return _chain(_span(meta), "&&", parts)

    def binary(self, meta: Meta, parts: list[Any]) -> nodes.Binary:
        left, operator, right = parts
        return nodes.Binary(_span(meta), str(operator), left, right)

    def is_type(self, meta: Meta, parts: list[Any]) -> nodes.IsType:
        operand, name = parts
        if name not in TYPES:
            raise refuse(f"unknown type '{name}' after is", _token_span(name))
        return nodes.IsType(_span(meta), operand, str(name))

    def unary_op(self, meta: Meta, parts: list[Any]) -> nodes.Expr:
        operator, operand = parts
        if operator == "-" and isinstance(operand, nodes.Literal) and operand.value == -INT_MIN:
            return nodes.Literal(_span(meta), INT_MIN)
        return nodes.Unary(_span(meta), str(operator), operand)

    def member(self, meta: Meta, parts: list[Any]) -> nodes.Member:
        return nodes.Member(_span(meta), parts[0], str(parts[1]))

    def method(self, meta: Meta, parts: list[Any]) -> nodes.Expr:
        target, name, arguments = parts
        if isinstance(target, nodes.Name) and target.name in NAMESPACES:
            return nodes.Call(_span(meta), f"{target.name}.{name}", arguments)
        return nodes.Method(_span(meta), target, str(name), arguments)

    def index_of(self, meta: Meta, parts: list[Any]) -> nodes.Index:
        return nodes.Index(_span(meta), *parts)

    def from_(self, meta: Meta, parts: list[Any]) -> nodes.Expr | None:
        return parts[0] if parts else None

    to_ = from_

    def slice_of(self, meta: Meta, parts: list[Any]) -> nodes.Slice:
        return nodes.Slice(_span(meta), *parts)

    def name(self, meta: Meta, parts: list[Any]) -> nodes.Name:
        if parts[0] in _WORDS:
            raise refuse(f"unexpected '{parts[0]}', a word of the language", _token_span(parts[0]))
        return nodes.Name(_span(meta), str(parts[0]))

    def call(self, meta: Meta, parts: list[Any]) -> nodes.Call:
        return nodes.Call(_span(meta), str(parts[0]), parts[1])

    def arguments(self, meta: Meta, parts: list[Any]) -> tuple[nodes.Expr, ...]:
        return tuple(parts)

    def int_literal(self, meta: Meta, parts: list[Any]) -> nodes.Literal:
        return nodes.Literal(_span(meta), int_value(parts[0], _span(meta)))

    def float_literal(self, meta: Meta, parts: list[Any]) -> nodes.Literal:
        return nodes.Literal(_span(meta), float(parts[0]))

    def string_literal(self, meta: Meta, parts: list[Any]) -> nodes.Literal:
        return nodes.Literal(_span(meta), string_value(parts[0], _span(meta)))

    def bytes_literal(self, meta: Meta, parts: list[Any]) -> nodes.Literal:
        return nodes.Literal(_span(meta), bytes_value(parts[0], _span(meta)))

    def true_literal(self, meta: Meta, parts: list[Any]) -> nodes.Literal:
        return nodes.Literal(_span(meta), True)

    def false_literal(self, meta: Meta, parts: list[Any]) -> nodes.Literal:
        return nodes.Literal(_span(meta), False)

    def null_literal(self, meta: Meta, parts: list[Any]) -> nodes.Literal:
        return nodes.Literal(_span(meta), None)

    def list_literal(self, meta: Meta, parts: list[Any]) -> nodes.ListOf:
        return nodes.ListOf(_span(meta), tuple(parts))

    def map_literal(self, meta: Meta, parts: list[Any]) -> nodes.MapOf:
        return nodes.MapOf(_span(meta), tuple(parts))

    def pair(self, meta: Meta, parts: list[Any]) -> tuple[nodes.Expr, nodes.Expr]:
        key, value = parts
        return key, value

    def path(self, meta: Meta, parts: list[Any]) -> nodes.PathOf:
        segments = (part for part in parts if not isinstance(part, Token))
        return nodes.PathOf(_span(meta), tuple(s.text if isinstance(s, nodes.Segment) else s for s in segments))

    def placeholder(self, meta: Meta, parts: list[Any]) -> nodes.Segment:
        return nodes.Segment(_span(meta), "literal", f"{UNBOUND}{{{parts[0]}}}")

    def spliced(self, meta: Meta, parts: list[Any]) -> nodes.Expr:
        spliced: nodes.Expr = parts[0]
        return spliced


def _chain(at: Span, operator: str, parts: list[Any]) -> nodes.Logic:
    left, right = parts
    if isinstance(left, nodes.Logic) and left.operator == operator:
        return nodes.Logic(at, operator, (*left.operands, right))
    return nodes.Logic(at, operator, (left, right))

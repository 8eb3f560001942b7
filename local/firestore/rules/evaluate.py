"""The value of one expression. Errors are values that propagate, except that `&&` and `||` are content with one side
that decides alone; lookups go through Documents, visits through the Meter.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ClassVar

from . import nodes
from .arithmetic import calculate, negate
from .coverage import Coverage
from .documents import Documents
from .errors import EvaluationError, OverBudget
from .library import ACCESS, FUNCTIONS, METHODS
from .library.conversions import to_string
from .limits import Meter
from .listing import constrained, shares
from .matching import Frame
from .values import Constraint, Failure, MapDiff, Path, RuleSet, contains, equal, is_number, less, type_name

_LOG = logging.getLogger(__name__)


class Evaluator:
    """Evaluates the expressions of one allow clause."""

    def __init__(self, documents: Documents, coverage: Coverage | None = None) -> None:
        self._documents = documents
        self._coverage = coverage
        self.meter = Meter()

    def value(self, node: nodes.Expr, frame: Frame) -> object:
        """The expression's value; raises EvaluationError (with its place) if it has none."""
        self.meter.visit()
        try:
            found = self._HANDLERS[type(node)](self, node, frame)
        except EvaluationError as error:
            if error.at is None:
                error.at = node.at
            if self._coverage is not None:
                self._coverage.failed(node.at, error)
            raise
        if self._coverage is not None:
            self._coverage.saw(node.at, found)
        return found

    def _literal(self, node: nodes.Literal, frame: Frame) -> object:
        return node.value

    def _name(self, node: nodes.Name, frame: Frame) -> object:
        return frame.value(node.name)

    def _list(self, node: nodes.ListOf, frame: Frame) -> object:
        return [self.value(item, frame) for item in node.items]

    def _map(self, node: nodes.MapOf, frame: Frame) -> object:
        made: dict[str, object] = {}
        for key_node, value_node in node.pairs:
            key = self.value(key_node, frame)
            if not isinstance(key, str):
                raise EvaluationError(f"a map key is a string, not a {type_name(key)}")
            made[key] = self.value(value_node, frame)
        return made

    def _path(self, node: nodes.PathOf, frame: Frame) -> Path:
        segments: list[str] = []
        for part in node.segments:
            segments += (part,) if isinstance(part, str) else _spliced(self.value(part, frame))
        return Path(tuple(segments))

    def _member(self, node: nodes.Member, frame: Frame) -> object:
        return _property(self.value(node.target, frame), node.name)

    def _index(self, node: nodes.Index, frame: Frame) -> object:
        target, index = self.value(node.target, frame), self.value(node.index, frame)
        if isinstance(target, dict) and isinstance(index, str):
            return _property(target, index)
        return _sequence(target)[_place(index, 0, len(_sequence(target)) - 1)]

    def _slice(self, node: nodes.Slice, frame: Frame) -> object:
        target = self.value(node.target, frame)
        if not isinstance(target, str | list):
            raise EvaluationError(f"no range of a {type_name(target)}")
        start = _place(self.value(node.start, frame) if node.start else 0, 0, len(target) - 1)
        end = _place(self.value(node.end, frame) if node.end else len(target), max(1, start), len(target))
        return target[start:end]

    def _call(self, node: nodes.Call, frame: Frame) -> object:
        if found := frame.function(node.name):
            return self._own(*found, node, frame)
        arguments = [self.value(argument, frame) for argument in node.arguments]
        if node.name in ACCESS or node.name == "debug":
            return self._builtin(node.name, arguments)
        entry = FUNCTIONS.get(node.name)
        if entry is None:
            raise EvaluationError(f"function '{node.name}' not found")
        if len(arguments) not in entry.arities:
            raise EvaluationError(f"wrong number of arguments to '{node.name}'")
        return entry.run(*arguments)

    def _own(self, function: nodes.Function, home: Frame, node: nodes.Call, frame: Frame) -> object:
        if len(node.arguments) != len(function.parameters):
            raise EvaluationError(f"wrong number of arguments to '{node.name}'")
        arguments = [self.value(argument, frame) for argument in node.arguments]
        inner = Frame(dict(zip(function.parameters, arguments, strict=True)), {}, home)
        self.meter.enter()
        try:
            for let in function.lets:
                inner.values[let.name] = self._let(let, inner)
            return self.value(function.body, inner)
        finally:
            self.meter.leave()

    def _let(self, let: nodes.Let, frame: Frame) -> object:
        try:
            return self.value(let.value, frame)
        except OverBudget:
            raise
        except EvaluationError as error:
            return Failure(error)

    def _builtin(self, name: str, arguments: list[object]) -> object:
        if len(arguments) != 1:
            raise EvaluationError(f"wrong number of arguments to '{name}'")
        if name == "debug":
            _LOG.info("debug: %r", arguments[0])
            return arguments[0]
        found = self._documents.resource(arguments[0], "after" if name.endswith("After") else "before")
        return found if name.startswith("get") else found is not None

    def _method(self, node: nodes.Method, frame: Frame) -> object:
        target = self.value(node.target, frame)
        arguments = [self.value(argument, frame) for argument in node.arguments]
        if isinstance(target, Constraint) and node.name == "hasAny" and len(arguments) == 1:
            return shares(target, arguments[0])
        entry = METHODS.get((type_name(target), node.name))
        if entry is None or len(arguments) not in entry.arities:
            raise EvaluationError(f"no method '{node.name}' of a {type_name(target)} with {len(arguments)} arguments")
        return entry.run(target, *arguments)

    def _unary(self, node: nodes.Unary, frame: Frame) -> object:
        value = self.value(node.operand, frame)
        return negate(value) if node.operator == "-" else not _truth(value)

    def _binary(self, node: nodes.Binary, frame: Frame) -> object:
        left, right = self.value(node.left, frame), self.value(node.right, frame)
        if isinstance(left, Constraint) or isinstance(right, Constraint):
            return constrained(node.operator, left, right)
        if node.operator in _COMPARISONS:
            return _COMPARISONS[node.operator](left, right)
        return calculate(node.operator, left, right)

    def _logic(self, node: nodes.Logic, frame: Frame) -> bool:
        self.meter.visit(len(node.operands) - 2)
        decisive = node.operator == "||"
        failed: EvaluationError | None = None
        for place, operand in enumerate(node.operands, start=1):
            try:
                if _truth(self.value(operand, frame)) is decisive:
                    self._skip(node.operands[place:])
                    return decisive
            except OverBudget:
                raise
            except EvaluationError as error:
                failed = failed or error
        if failed:
            raise failed
        return not decisive

    def _skip(self, operands: tuple[nodes.Expr, ...]) -> None:
        if self._coverage is not None:
            for operand in operands:
                self._coverage.skipped(operand.at)

    def _is(self, node: nodes.IsType, frame: Frame) -> bool:
        value = self.value(node.operand, frame)
        if isinstance(value, Constraint):
            raise EvaluationError("the query does not decide this field")
        if isinstance(value, RuleSet | MapDiff):
            return False
        return is_number(value) if node.type == "number" else type_name(value) == node.type

    def _ternary(self, node: nodes.Ternary, frame: Frame) -> object:
        chosen = node.then if _truth(self.value(node.condition, frame)) else node.otherwise
        return self.value(chosen, frame)

    _HANDLERS: ClassVar[dict[type, Callable[[Any, Any, Frame], object]]] = {
        nodes.Literal: _literal, nodes.Name: _name, nodes.ListOf: _list, nodes.MapOf: _map, nodes.PathOf: _path,
        nodes.Member: _member, nodes.Index: _index, nodes.Slice: _slice, nodes.Call: _call, nodes.Method: _method,
        nodes.Unary: _unary, nodes.Binary: _binary, nodes.Logic: _logic, nodes.IsType: _is, nodes.Ternary: _ternary,
    }  # fmt: skip


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise EvaluationError(f"expected a bool, not a {type_name(value)}")


def _property(target: object, name: str) -> object:
    if not isinstance(target, dict):
        raise EvaluationError(f"no property '{name}' of a {type_name(target)}")
    if name not in target:
        raise EvaluationError(f"property '{name}' is undefined")
    found = target[name]
    if isinstance(found, Failure):
        raise found.error
    return found


def _sequence(target: object) -> Any:
    if isinstance(target, str | list):
        return target
    if isinstance(target, Path):
        return target.segments
    raise EvaluationError(f"no index into a {type_name(target)}")


def _place(index: object, low: int, high: int) -> int:
    if not isinstance(index, int) or isinstance(index, bool) or not low <= index <= high:
        raise EvaluationError("index out of range")
    return index


def _spliced(value: object) -> tuple[str, ...]:
    if isinstance(value, Path):
        return value.segments
    return (to_string(value),)


def _within(item: object, container: object) -> bool:
    if isinstance(container, dict):
        if not isinstance(item, str):
            raise EvaluationError(f"a map has string keys, no {type_name(item)}")
        return item in container
    if isinstance(container, list):
        return contains(container, item)
    if isinstance(container, RuleSet):
        return container.has(item)
    raise EvaluationError(f"nothing is in a {type_name(container)}")


def _at_most(a: object, b: object) -> bool:
    return less(a, b) or equal(a, b)


_COMPARISONS: dict[str, Callable[[object, object], bool]] = {
    "==": equal,
    "!=": lambda a, b: not equal(a, b),
    "<": less,
    ">": lambda a, b: less(b, a),
    "<=": _at_most,
    ">=": lambda a, b: _at_most(b, a),
    "in": _within,
}

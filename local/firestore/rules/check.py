"""The checks after parsing: what the vendor's compiler refuses is refused, what it only warns about is listed.

A warning (unknown name, unknown function, wrong number of arguments, unused let) means an evaluation error when the
expression is reached, so it never grants anything; `Rules.load(strict=True)` refuses those too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from . import nodes
from .errors import Span, refuse
from .library import ARITIES, known_method
from .library.text import compiled
from .limits import (
    INT_MAX,
    MAX_CALL_DEPTH,
    MAX_EXPRESSION_DEPTH,
    MAX_LETS,
    MAX_MATCH_DEPTH,
    MAX_PARAMETERS,
    MAX_PATH_SEGMENTS,
    MAX_WILDCARDS,
)
from .parse import NAMESPACES

_REGEX_METHODS = frozenset({"matches", "replace", "split"})


@dataclass
class _Scope:
    """The names and functions one level of the file adds to those around it."""

    names: frozenset[str]
    functions: Mapping[str, nodes.Function]
    parent: _Scope | None = None

    def knows(self, name: str) -> bool:
        return name in self.names or (self.parent is not None and self.parent.knows(name))

    def owner(self, function: str) -> _Scope | None:
        if function in self.functions:
            return self
        return self.parent.owner(function) if self.parent else None


def check(file: nodes.File) -> list[tuple[Span, str]]:
    """Raises RulesSyntaxError on what must not load; returns the warnings in source order."""
    warnings: list[tuple[Span, str]] = []
    root = _Scope(frozenset({"request", "resource"}), _functions(file.functions))
    service = _Scope(frozenset(), _functions(file.service_functions), root)
    _check_functions(root, warnings)
    _check_functions(service, warnings)
    for match in file.matches:
        _check_match(file.version, (match,), service, warnings)
    return sorted(warnings, key=lambda warning: warning[0].start)


def _functions(functions: Iterable[nodes.Function]) -> dict[str, nodes.Function]:
    named: dict[str, nodes.Function] = {}
    for function in functions:
        if function.name in named:
            raise refuse(f"function {function.name} is already defined in this scope", function.at)
        named[function.name] = function
    return named


def _check_match(
    version: str,
    chain: tuple[nodes.Match, ...],
    outer: _Scope,
    warnings: list[tuple[Span, str]],
) -> None:
    match = chain[-1]
    pattern = tuple(segment for level in chain for segment in level.pattern)
    if len(chain) > MAX_MATCH_DEPTH:
        raise refuse(f"matches nest more than {MAX_MATCH_DEPTH} deep", match.at)
    _check_pattern(version, match, pattern)
    names = [segment.text for segment in match.pattern if segment.kind != "literal"]
    _check_bindings([(segment.at, segment.text) for segment in match.pattern if segment.kind != "literal"])
    scope = _Scope(frozenset(names), _functions(match.functions), outer)
    _check_functions(scope, warnings)
    for allow in match.allows:
        if allow.condition is not None:
            _check_expression(allow.condition, scope, warnings)
    for inner in match.matches:
        _check_match(version, (*chain, inner), scope, warnings)


def _check_pattern(version: str, match: nodes.Match, pattern: tuple[nodes.Segment, ...]) -> None:
    globs = [place for place, segment in enumerate(pattern) if segment.kind == "glob"]
    if len(globs) > 1:
        raise refuse("invalid glob match expression: two globs in one path", match.at)
    if version == "1" and globs and globs[0] != len(pattern) - 1:
        raise refuse("invalid glob match expression: in version 1 a glob ends the path", match.at)
    if len(pattern) > MAX_PATH_SEGMENTS:
        raise refuse(f"a path has more than {MAX_PATH_SEGMENTS} segments", match.at)
    if sum(segment.kind != "literal" for segment in pattern) > MAX_WILDCARDS:
        raise refuse(f"a path has more than {MAX_WILDCARDS} wildcards", match.at)


def _check_bindings(bound: Iterable[tuple[Span, str]]) -> None:
    seen: set[str] = set()
    for at, name in bound:
        if name in NAMESPACES:
            raise refuse(f"'{name}' is reserved and cannot name a variable", at)
        if name in seen:
            raise refuse(f"identifier '{name}' already bound in the current scope", at)
        seen.add(name)


def _check_functions(scope: _Scope, warnings: list[tuple[Span, str]]) -> None:
    for function in scope.functions.values():
        _check_function(function, scope, warnings)
    for function in scope.functions.values():
        _refuse_recursion(function, scope, (), set())


def _check_function(function: nodes.Function, scope: _Scope, warnings: list[tuple[Span, str]]) -> None:
    if len(function.parameters) > MAX_PARAMETERS:
        raise refuse(f"function {function.name} has more than {MAX_PARAMETERS} parameters", function.at)
    if len(function.lets) > MAX_LETS:
        raise refuse(f"function {function.name} has more than {MAX_LETS} lets", function.at)
    _check_bindings(
        [*((function.at, name) for name in function.parameters), *((let.at, let.name) for let in function.lets)]
    )
    known = set(function.parameters)
    for let in function.lets:
        _check_expression(let.value, _Scope(frozenset(known), {}, scope), warnings)
        known.add(let.name)
    _check_expression(function.body, _Scope(frozenset(known), {}, scope), warnings)
    used = {name for part in nodes.function_expressions(function) for name in _names(part)}
    warnings.extend((let.at, f"unused let '{let.name}'") for let in function.lets if let.name not in used)


def _names(expression: nodes.Expr) -> set[str]:
    return {node.name for node in nodes.walk(expression) if isinstance(node, nodes.Name)}


def _refuse_recursion(
    function: nodes.Function, scope: _Scope, above: tuple[nodes.Function, ...], done: set[int]
) -> None:
    if any(function is caller for caller in above):
        raise refuse(f"recursive call not allowed: {function.name}", function.at)
    if len(above) > MAX_CALL_DEPTH:
        raise refuse(f"functions call each other more than {MAX_CALL_DEPTH} deep", function.at)
    if id(function) in done:
        return
    for part in nodes.function_expressions(function):
        for node in nodes.walk(part):
            if isinstance(node, nodes.Call) and (owner := scope.owner(node.name)):
                _refuse_recursion(owner.functions[node.name], owner, (*above, function), done)
    done.add(id(function))


def _check_expression(expression: nodes.Expr, scope: _Scope, warnings: list[tuple[Span, str]]) -> None:
    _refuse_depth(expression)
    for node in nodes.walk(expression):
        match node:
            case nodes.Literal(value=value) if isinstance(value, int) and value > INT_MAX:
                raise refuse(f"integer {value} does not fit in 64 bits", node.at)
            case nodes.Name(name=name) if not scope.knows(name):
                warnings.append((node.at, f"unknown variable '{name}'"))
            case nodes.Call(name=name, arguments=arguments):
                _check_call(name, len(arguments), node.at, scope, warnings)
            case nodes.Method(name=name, arguments=arguments):
                _refuse_regex(node)
                if not known_method(name, len(arguments)):
                    warnings.append((node.at, f"no type has a method '{name}' with {len(arguments)} arguments"))
            case _:
                pass


def _check_call(name: str, given: int, at: Span, scope: _Scope, warnings: list[tuple[Span, str]]) -> None:
    owner = scope.owner(name)
    wanted = (len(owner.functions[name].parameters),) if owner else ARITIES.get(name)
    if wanted is None:
        warnings.append((at, f"unknown function '{name}'"))
    elif given not in wanted:
        warnings.append((at, f"function '{name}' takes {' or '.join(map(str, wanted))} arguments, not {given}"))


def _refuse_regex(node: nodes.Method) -> None:
    if node.name not in _REGEX_METHODS or not node.arguments or not isinstance(node.arguments[0], nodes.Literal):
        return
    pattern = node.arguments[0].value
    if isinstance(pattern, str) and compiled(pattern) is None:
        raise refuse("invalid regular expression (RE2 syntax)", node.arguments[0].at)


def _refuse_depth(expression: nodes.Expr) -> None:
    pending = [(expression, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_EXPRESSION_DEPTH:
            raise refuse("expression is too complex to evaluate safely", expression.at)
        parts = nodes.children(node)
        chained = len(parts) - 1 if isinstance(node, nodes.Logic) else 1  # a && b && c is (a && b) && c
        pending += [(part, depth + max(1, chained - max(0, place - 1))) for place, part in enumerate(parts)]

"""Advice on a rules file that loads: what is legal and yet opens more than it says, or says nothing.

Each finding has a place and a sentence. Meant for the rules of a project, in its tests; the server does not ask it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import nodes
from .errors import Span
from .matching import Rule
from .ruleset import Rules

MAX_ACCESSES_OF_A_CLAUSE = 2
_SHORTHAND = frozenset({"read", "write"})
_LOOKUPS = frozenset({"get", "exists", "getAfter", "existsAfter"})


@dataclass(frozen=True)
class Finding:
    """One piece of advice and where it belongs."""

    at: Span
    advice: str

    def __str__(self) -> str:
        return f"{self.at}: {self.advice}"


def lint(text: str) -> list[Finding]:
    """The findings on a rules file, in source order; raises RulesSyntaxError if it does not even load."""
    rules = Rules.load(text)
    found = [Finding(at, message) for at, message in rules.warned]
    if rules.file.version != "2":
        found.append(Finding(Span(1, 1, 0, 0), "say rules_version = '2'"))
    for rule in rules.rules:
        found += _on_rule(rule, _Reach(rules.file, rule))
    for match in rules.file.matches:
        found += _on_match(match)
    found += _on_mixed_equality(rules)
    return sorted(set(found), key=lambda finding: (finding.at.start, finding.advice))


class _Reach:
    """Every expression an allow can reach: its condition and the functions it calls, and theirs."""

    def __init__(self, file: nodes.File, rule: Rule) -> None:
        scopes = (file.functions, file.service_functions, *(match.functions for match in rule.chain))
        self._functions = {function.name: function for scope in scopes for function in scope}
        self.expressions: list[nodes.Expr] = []
        self._seen: set[str] = set()
        if rule.allow.condition is not None:
            self._add(rule.allow.condition)

    def _add(self, expression: nodes.Expr) -> None:
        self.expressions.append(expression)
        for node in nodes.walk(expression):
            if isinstance(node, nodes.Call) and node.name in self._functions and node.name not in self._seen:
                self._seen.add(node.name)
                for part in nodes.function_expressions(self._functions[node.name]):
                    self._add(part)

    def nodes(self) -> Iterator[nodes.Expr]:
        for expression in self.expressions:
            yield from nodes.walk(expression)


def _on_rule(rule: Rule, reach: _Reach) -> Iterator[Finding]:
    at, condition, methods = rule.allow.at, rule.allow.condition, set(rule.allow.methods)
    if methods & _SHORTHAND:
        yield Finding(at, "name the verbs instead of read or write")
    if condition is None or (isinstance(condition, nodes.Literal) and condition.value is True):
        yield Finding(at, "an allow without a condition is open to the world")
    if methods & {"list", "read"}:
        yield from (Finding(spot, _TOLERANT) for spot in _whole_data(reach))
    if methods & {"create", "write"} and not {"hasAll", "hasOnly"} <= _called(reach):
        yield Finding(at, "a create names its keys with both hasAll and hasOnly")
    if sum(isinstance(node, nodes.Call) and node.name in _LOOKUPS for node in reach.nodes()) > MAX_ACCESSES_OF_A_CLAUSE:
        yield Finding(at, f"more than {MAX_ACCESSES_OF_A_CLAUSE} lookups in one allow, each a billed read")
    for node in reach.nodes():
        if isinstance(node, nodes.Call) and node.name == "debug":
            yield Finding(node.at, "debug is for the emulator only")
        if isinstance(node, nodes.Method) and node.name == "size" and _is_resource(node.target):
            yield Finding(node.at, "size() of a resource counts its keys, it is no size in bytes")


_TOLERANT = "a list must not ask resource.data as a whole: a field that no filter names counts as absent"


def _whole_data(reach: _Reach) -> Iterator[Span]:
    """Where `resource` or `resource.data` is used other than to read one field of it."""
    for expression in reach.expressions:
        inside = [expression]
        for node in nodes.walk(expression):
            inside += [] if isinstance(node, nodes.Member | nodes.Index) else nodes.children(node)
            if isinstance(node, nodes.Index):
                inside.append(node.index)
        yield from (node.at for node in inside if _is_data(node) or _is_resource(node))


def _is_resource(node: nodes.Expr) -> bool:
    if isinstance(node, nodes.Member) and isinstance(node.target, nodes.Name):
        return node.name == "resource" and node.target.name == "request"
    return isinstance(node, nodes.Name) and node.name == "resource"


def _is_data(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Member) and node.name == "data" and _is_resource(node.target)


def _called(reach: _Reach) -> set[str]:
    return {node.name for node in reach.nodes() if isinstance(node, nodes.Method)}


def _on_match(match: nodes.Match) -> Iterator[Finding]:
    used = {node.name for part in nodes.expressions(match) for node in nodes.walk(part) if isinstance(node, nodes.Name)}
    for segment in match.pattern:
        if segment.kind == "glob":
            yield Finding(segment.at, f"the glob {{{segment.text}=**}} covers paths nobody has thought of")
        if segment.kind != "literal" and segment.text not in used and not segment.text.startswith("_"):
            yield Finding(segment.at, f"the wildcard '{segment.text}' is unused: name it _{segment.text}")
    for inner in match.matches:
        yield from _on_match(inner)


def _on_mixed_equality(rules: Rules) -> Iterator[Finding]:
    """`a in b == c`: the documentation lets `in` bind tighter than `==`, the vendor's emulator the reverse."""
    file = rules.file
    functions = (*file.functions, *file.service_functions)
    parts = [part for function in functions for part in nodes.function_expressions(function)]
    for match in file.matches:
        parts += nodes.expressions(match)
    for node in (inner for part in parts for inner in nodes.walk(part)):
        if isinstance(node, nodes.Binary) and node.operator in ("==", "!="):
            for side in (node.left, node.right):
                loose = isinstance(side, nodes.IsType) or (isinstance(side, nodes.Binary) and side.operator == "in")
                if loose and not rules.text[: side.at.start].rstrip().endswith("("):
                    yield Finding(side.at, "put `in` and `is` beside == in parentheses: tools disagree on the order")

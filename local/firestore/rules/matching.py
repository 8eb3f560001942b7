"""Which allow rules cover a path, and what the wildcards around them are bound to.

A query knows the ids of its parents but not those of its results; a collection group does not even know the parents.
UNKNOWN stands for one such id, ANYWHERE for a parent of unknown length that only a glob can take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from . import nodes
from .errors import EvaluationError
from .values import Failure, Path

UNKNOWN = "\x00one"
ANYWHERE = "\x00any"


@dataclass(slots=True)
class Frame:
    """The names and functions visible at one level; what is not here is looked up further out."""

    values: dict[str, object] = field(default_factory=dict)
    functions: Mapping[str, nodes.Function] = field(default_factory=dict)
    parent: Frame | None = None

    def value(self, name: str) -> object:
        frame: Frame | None = self
        while frame is not None:
            if name in frame.values:
                found = frame.values[name]
                if isinstance(found, Failure):
                    raise found.error
                return found
            frame = frame.parent
        raise EvaluationError(f"unknown variable '{name}'")

    def function(self, name: str) -> tuple[nodes.Function, Frame] | None:
        frame: Frame | None = self
        while frame is not None:
            if name in frame.functions:
                return frame.functions[name], frame
            frame = frame.parent
        return None


@dataclass(frozen=True, slots=True)
class Rule:
    """One allow with the whole pattern above it, outermost match first."""

    allow: nodes.Allow
    chain: tuple[nodes.Match, ...]


def rules(matches: Sequence[nodes.Match], above: tuple[nodes.Match, ...] = ()) -> Iterator[Rule]:
    """Every allow of the file, in source order."""
    for match in matches:
        chain = (*above, match)
        yield from (Rule(allow, chain) for allow in match.allows)
        yield from rules(match.matches, chain)


def bindings(rule: Rule, segments: Sequence[str], version: str) -> dict[str, object] | None:
    """The wildcards of the rule's pattern bound to the path, None if it does not cover the whole path."""
    pattern = [segment for match in rule.chain for segment in match.pattern]
    glob = next((place for place, segment in enumerate(pattern) if segment.kind == "glob"), None)
    if glob is None:
        return _bind(pattern, segments) if len(pattern) == len(segments) else None
    tail = len(pattern) - glob - 1
    taken = len(segments) - glob - tail
    if taken < (1 if version == "1" else 0):
        return None
    head_values = _bind(pattern[:glob], segments[:glob])
    tail_values = _bind(pattern[glob + 1 :], segments[glob + taken :])
    if head_values is None or tail_values is None:
        return None
    return {**head_values, pattern[glob].text: _glob(segments[glob : glob + taken]), **tail_values}


def _bind(pattern: Sequence[nodes.Segment], segments: Sequence[str]) -> dict[str, object] | None:
    bound: dict[str, object] = {}
    for part, segment in zip(pattern, segments, strict=True):
        if segment == ANYWHERE or (part.kind == "literal" and part.text != segment):
            return None
        if part.kind == "wildcard":
            bound[part.text] = _unknown(part.text) if segment == UNKNOWN else segment
    return bound


def _glob(segments: Sequence[str]) -> object:
    if UNKNOWN in segments or ANYWHERE in segments:
        return _unknown("the path")
    return Path(tuple(segments))


def _unknown(name: str) -> Failure:
    return Failure(EvaluationError(f"a query does not know '{name}' of its results"))


def frames(rule: Rule, bound: Mapping[str, object], outer: Frame) -> Frame:
    """The innermost frame for the rule's condition: one frame per match of its chain."""
    frame = outer
    for match in rule.chain:
        names = (segment.text for segment in match.pattern if segment.kind != "literal")
        frame = Frame({name: bound[name] for name in names}, named(match.functions), frame)
    return frame


def named(functions: Sequence[nodes.Function]) -> dict[str, nodes.Function]:
    """Functions by name."""
    return {function.name: function for function in functions}

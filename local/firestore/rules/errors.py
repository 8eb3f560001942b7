"""What can go wrong with rules: a file that does not load, and an expression that does not evaluate.

An EvaluationError never leaves the evaluator: `&&` and `||` may absorb it, an allow that ends in one does not grant.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Where a piece of the source stands: line and column count from 1, start and end are character offsets."""

    line: int
    column: int
    start: int
    end: int

    def __str__(self) -> str:
        return f"L{self.line}:{self.column}"


class RulesSyntaxError(ValueError):
    """The rules cannot be loaded; `line` and `column` (from 1) say where."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"L{line}:{column}: {message}")
        self.message = message
        self.line = line
        self.column = column


def refuse(message: str, at: Span) -> RulesSyntaxError:
    """The load error for the piece of source at `at`, to be raised by the caller."""
    return RulesSyntaxError(message, at.line, at.column)


class EvaluationError(Exception):
    """An expression has no value; `&&` and `||` absorb it when the other side decides alone."""

    def __init__(self, message: str, at: Span | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.at = at

    def __str__(self) -> str:
        return f"{self.message} [{self.at}]" if self.at else self.message


class OverBudget(EvaluationError):
    """The clause visited too many expressions or called too deep; nothing absorbs this one."""

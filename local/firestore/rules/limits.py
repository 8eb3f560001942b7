"""The documented limits of a rules file and of one request, and the meters that enforce them.

How the vendor counts "1,000 expressions" is unpublished; counting every visited node per allow clause brackets the
verdicts recorded from its emulator.
"""

from __future__ import annotations

from .errors import EvaluationError, OverBudget

MAX_SOURCE_BYTES = 256 * 1024
MAX_MATCH_DEPTH = 10
MAX_PATH_SEGMENTS = 100
MAX_WILDCARDS = 20
MAX_PARAMETERS = 7
MAX_LETS = 10
MAX_CALL_DEPTH = 20
MAX_VISITS = 1_000
MAX_ACCESSES = 10
MAX_ACCESSES_OF_A_BATCH = 20
MAX_EXPRESSION_DEPTH = 101
MAX_DISJUNCTS = 100
INT_MIN, INT_MAX = -(2**63), 2**63 - 1


class Meter:
    """Counts node visits and call depth of one allow clause; raises OverBudget beyond the limits."""

    def __init__(self) -> None:
        self.visits = 0
        self.depth = 0

    def visit(self, steps: int = 1) -> None:
        self.visits += steps
        if self.visits > MAX_VISITS:
            raise OverBudget(f"more than {MAX_VISITS} expressions evaluated")

    def enter(self) -> None:
        if self.depth >= MAX_CALL_DEPTH:
            raise OverBudget(f"functions call each other more than {MAX_CALL_DEPTH} deep")
        self.depth += 1

    def leave(self) -> None:
        self.depth -= 1


class AccessBudget:
    """Documents one operation may look up; a batch shares one budget of 20 over its operations of 10 each.

    The overflow is an ordinary evaluation error: `|| true` absorbs it, as recorded from the vendor's emulator.
    """

    def __init__(self, limit: int = MAX_ACCESSES) -> None:
        self.limit = limit
        self.paths: set[str] = set()

    def spend(self, path: str) -> None:
        if path in self.paths:
            return
        if len(self.paths) >= self.limit:
            raise EvaluationError(f"more than {self.limit} documents looked up")
        self.paths.add(path)

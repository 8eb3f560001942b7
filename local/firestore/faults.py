"""Faults on order: the next commits answer with an error, having been applied or not, or answer late. Or listeners fall
silent, as they do in the field: an open line on which nothing comes any more.

An error after the commit was applied is the ambiguous case that every writer must survive; over a real wire it
comes only by luck, here on order.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from local.firestore.errors import Code, FirestoreError, invalid


@dataclass
class CommitFault:
    """What happens to the next `count` commits; without a code they are only delayed."""

    count: int
    code: Code | None
    apply: bool
    delay_seconds: float


class Faults:
    """The faults that are due; none unless ordered."""

    def __init__(self) -> None:
        self._commit: CommitFault | None = None
        self.mute = False

    def order(self, wanted: dict[str, Any]) -> None:
        """Takes `{"commit": {"count": N, "code": "UNAVAILABLE", "apply": true, "delayMs": 5}}`; replaces the last.

        `{"mute": true}`: listeners stay open and say nothing; what they would have said is lost to them.
        """
        commit = wanted.get("commit")
        self._commit = None if commit is None else _commit_fault(commit)
        self.mute = bool(wanted.get("mute"))

    def clear(self) -> None:
        self._commit = None
        self.mute = False

    def as_json(self) -> dict[str, Any]:
        """How many faulty commits are still to come."""
        return {"commit": {"count": self._commit.count if self._commit else 0}, "mute": self.mute}

    def next_commit(self) -> CommitFault | None:
        """The fault for the commit at hand, counted off."""
        fault = self._commit
        if fault is None:
            return None
        fault.count -= 1
        if fault.count <= 0:
            self._commit = None
        return fault


def _commit_fault(wanted: Any) -> CommitFault:
    if not isinstance(wanted, dict):
        raise invalid("A commit fault is an object.")
    code = wanted.get("code")
    if code is not None and code not in Code.__members__:
        raise invalid(f"There is no status code {code}.")
    try:
        count, delay = int(wanted.get("count", 1)), float(wanted.get("delayMs", 0)) / 1000
    except (TypeError, ValueError) as problem:
        raise invalid(f"A commit fault takes numbers: {problem}") from problem
    return CommitFault(count, code and Code[code], bool(wanted.get("apply")), delay)


async def suffer(fault: CommitFault) -> None:
    """Waits and raises as ordered."""
    if fault.delay_seconds:
        await asyncio.sleep(fault.delay_seconds)
    if fault.code is not None:
        raise FirestoreError(fault.code, "A fault was ordered for this commit.")

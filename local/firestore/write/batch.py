"""Applies the writes of one commit to an overlay: later writes see earlier ones, nothing is stored here.

First all writes are worked out, then the rules are asked, once per document (and they may look at the state after the
whole commit), then the precondition of each document's first write is checked: those of later ones follow from the
writes before them, or the sequence is refused. A result tells the time that the document has after the whole commit.
Any refusal raises and the overlay is thrown away, so a commit is all or nothing. `changes()` is what really differs: a
write that changes nothing keeps the document's update time and reaches no listener.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from local.firestore import pb
from local.firestore.clock import microseconds_of, stamp
from local.firestore.errors import Code, FirestoreError, invalid
from local.firestore.storage.history import Change
from local.firestore.storage.records import Record, serialise
from local.firestore.storage.store import Reader
from local.firestore.write.intent import Intent

Lookup = Callable[[str], Record | None]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a write would do; `content` is None for a delete or a verify."""

    intent: Intent
    before: Record | None
    content: pb.Document | None
    results: list[Any]
    after: Record | None
    touched: bool


Permit = Callable[[Sequence[Proposal], int, Reader, Lookup], None]


class Batch:
    """The overlay of one commit at one time."""

    def __init__(self, root: str, reader: Reader, commit_time: int) -> None:
        self.commit_time = commit_time
        self.request_time = commit_time - commit_time % 1000
        self._root = root
        self._reader = reader
        self._overlay: dict[str, Record | None] = {}
        self._written: set[str] = set()

    def get(self, path: str) -> Record | None:
        """The document as the writes so far leave it."""
        return self._overlay[path] if path in self._overlay else self._reader.get(path)

    def apply(self, intents: Iterable[Intent], permit: Permit | None) -> list[pb.WriteResult]:
        """Applies writes to the overlay; raises FirestoreError, after which the batch must be thrown away."""
        proposals = [self._propose(intent) for intent in intents]
        if permit is not None:
            permit(_merged(proposals), self.request_time, self._reader, self.get)
        for proposal in proposals:
            if not proposal.touched:
                self._check_precondition(proposal)
        return [_result(self.get(proposal.intent.path), proposal.results) for proposal in proposals]

    def _propose(self, intent: Intent) -> Proposal:
        before, touched = self.get(intent.path), intent.path in self._written
        content, results = None, list[Any]()
        if intent.kind == "update":
            content, results = intent.content_after(before, self.request_time)
        after = before if intent.kind == "verify" else self._next(before, intent.path, content)
        if intent.kind != "verify":
            self._overlay[intent.path] = after
            self._written.add(intent.path)
        return Proposal(intent, before, content, results, after, touched)

    def changes(self) -> list[Change]:
        """One change per document that differs from what is stored."""
        found = []
        for path, after in self._overlay.items():
            before = self._reader.get(path)
            if before is not after:
                found.append(Change(self.commit_time, path, before, after))
        return found

    def _next(self, before: Record | None, path: str, content: Any) -> Record | None:
        if content is None:
            return None
        data = serialise(content)
        if before is not None and before.data == data:
            return before
        stored = self._reader.get(path)
        if stored is not None and before is not None and stored.data == data:
            return stored
        return Record(path, data, before.created if before else self.commit_time, self.commit_time)

    def _check_precondition(self, proposal: Proposal) -> None:
        condition, path, before = proposal.intent.precondition, proposal.intent.path, proposal.before
        kind = condition.WhichOneof("condition_type")
        if kind == "exists":
            self._check_exists(condition.exists, path, before)
        elif kind is not None:
            self._check_update_time(microseconds_of(condition.update_time), path, before)

    def _check_exists(self, wanted: bool, path: str, before: Record | None) -> None:
        if wanted and before is None:
            raise FirestoreError(Code.NOT_FOUND, f"No document to update: {self._root}/{path}")
        if not wanted and before is not None:
            raise FirestoreError(Code.ALREADY_EXISTS, f"Document already exists: {self._root}/{path}")

    def _check_update_time(self, wanted: int, path: str, before: Record | None) -> None:
        if wanted > self.commit_time:
            raise invalid("The update_time of a precondition lies in the future.")
        if before is None or before.updated != wanted:
            stored = "is missing" if before is None else f"has version {before.updated}"
            raise FirestoreError(
                Code.FAILED_PRECONDITION,
                f"The stored version of {self._root}/{path} {stored}, not the required base version ({wanted}).",
            )


def _merged(proposals: Sequence[Proposal]) -> list[Proposal]:
    """What a commit does to each document as a whole: the rules judge that, not the steps on the way."""
    found: dict[tuple[str, bool], Proposal] = {}
    for proposal in proposals:
        place = (proposal.intent.path, proposal.intent.kind == "verify")
        earlier = found.get(place)
        found[place] = proposal if earlier is None else _joined(earlier, proposal)
    return list(found.values())


def _joined(earlier: Proposal, later: Proposal) -> Proposal:
    return replace(later, intent=replace(later.intent, precondition=earlier.intent.precondition), before=earlier.before)


def _result(after: Record | None, results: list[Any]) -> pb.WriteResult:
    result = pb.WriteResult(transform_results=results)
    if after is not None:
        stamp(result.update_time, after.updated)
    return result

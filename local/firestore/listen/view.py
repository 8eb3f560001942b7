"""What one query, or one set of documents, holds now, and how a commit changes that.

A view looks at the changed documents only; the query is run once, when the view is made. A limited query keeps the
sort keys of all matching documents, so that the one that moves into the window is known without a search. Targets
that ask the same share a view.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Protocol

from local.firestore import pb
from local.firestore.query.filters import Candidate
from local.firestore.query.plan import Plan
from local.firestore.query.run import in_order
from local.firestore.storage.history import Change
from local.firestore.storage.records import Record
from local.firestore.storage.store import Reader


class Delta:
    """One changed document while a commit is made known; parsed once for all who look."""

    def __init__(self, path: str, after: Record | None, root: str) -> None:
        self.path = path
        self.after = after
        self._root = root

    @cached_property
    def document(self) -> pb.Document:
        """The document as clients see it; only where there is one."""
        assert self.after is not None
        return self.after.document(self._root)

    @cached_property
    def candidate(self) -> Candidate | None:
        return None if self.after is None else Candidate(self.path, self.document.fields)


class View(Protocol):
    """Documents that a target shows."""

    def paths(self) -> Iterable[str]:
        """What it shows now, in order."""
        ...

    def absorb(self, deltas: Sequence[Delta]) -> dict[str, bool]:
        """Takes a commit in; tells which shown documents are new or changed (True) and which left (False)."""
        ...


class DocumentsView:
    """The named documents, as far as they exist."""

    def __init__(self, paths: Iterable[str], reader: Reader) -> None:
        self.names = frozenset(paths)
        self._present = {path for path in self.names if reader.get(path) is not None}

    def paths(self) -> Iterable[str]:
        return list(self._present)

    def absorb(self, deltas: Sequence[Delta]) -> dict[str, bool]:
        effect = {}
        for delta in deltas:
            if delta.path in self.names:
                effect[delta.path] = delta.after is not None
                (self._present.discard if delta.after is None else self._present.add)(delta.path)
        return effect


class SetView:
    """A query without limit or offset: a set of documents."""

    def __init__(self, plan: Plan, reader: Reader) -> None:
        self._plan = plan
        self._members = dict.fromkeys(found.record.path for found in in_order(plan, reader))

    def paths(self) -> Iterable[str]:
        return list(self._members)

    def absorb(self, deltas: Sequence[Delta]) -> dict[str, bool]:
        effect = {}
        for delta in deltas:
            if delta.candidate is not None and self._plan.key_of(delta.candidate) is not None:
                self._members[delta.path] = None
                effect[delta.path] = True
            elif delta.path in self._members:
                del self._members[delta.path]
                effect[delta.path] = False
        return effect


class WindowView:
    """A query with a limit or an offset: a window on a sorted list."""

    def __init__(self, plan: Plan, reader: Reader) -> None:
        self._plan = plan
        found = in_order(plan, reader)
        self._keys: dict[str, Any] = {one.record.path: one.key for one in found}
        # Keys end in the document's name, so they are unique and the order is total.
        self._order = [(one.key, one.record.path) for one in found]

    def paths(self) -> Iterable[str]:
        plan = self._plan
        stop = None if plan.limit is None else plan.offset + plan.limit
        return [path for _, path in self._order[plan.offset : stop]]

    def absorb(self, deltas: Sequence[Delta]) -> dict[str, bool]:
        before = self.paths()
        changed = {delta.path for delta in deltas}
        for delta in deltas:
            self._move(delta)
        now = dict.fromkeys(self.paths())
        effect = {path: False for path in before if path not in now}
        was = set(before)
        effect.update((path, True) for path in now if path in changed or path not in was)
        return effect

    def _move(self, delta: Delta) -> None:
        old = self._keys.pop(delta.path, None)
        if old is not None:
            del self._order[bisect_left(self._order, (old, delta.path))]
        key = None if delta.candidate is None else self._plan.key_of(delta.candidate)
        if key is not None:
            self._keys[delta.path] = key
            insort(self._order, (key, delta.path))


def query_view(plan: Plan, reader: Reader) -> SetView | WindowView:
    return SetView(plan, reader) if plan.limit is None and not plan.offset else WindowView(plan, reader)


def deltas_of(changes: Iterable[Change], root: str) -> list[Delta]:
    """The last state of each document among changes given oldest first."""
    last = {change.path: change for change in changes}
    return [Delta(path, change.after, root) for path, change in last.items()]

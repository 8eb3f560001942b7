"""The recent past of a database: which document changed when, and what it was before.

Three things need it: a listener that resumes (send the difference only), a read at an earlier time, and a
transaction that must know whether what it read has changed since. It lives in memory and is bounded; whoever asks
for more than it holds is told so and starts afresh. After a restart it begins at the last commit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from local.firestore.storage.records import Record
from local.firestore.storage.store import Scope, Store

_MAX_CHANGES = 100_000
_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Change:
    """One document changed at one time; None stands for absent."""

    time: int
    path: str
    before: Record | None
    after: Record | None


class History:
    """Changes in order of time; complete for every time from `floor` on."""

    def __init__(self, floor: int, max_changes: int = _MAX_CHANGES, max_bytes: int = _MAX_BYTES) -> None:
        self.floor = floor
        self._changes: deque[Change] = deque()
        self._bytes = 0
        self._max_changes = max_changes
        self._max_bytes = max_bytes

    def add(self, change: Change) -> None:
        self._changes.append(change)
        self._bytes += _weight(change)
        while len(self._changes) > self._max_changes or self._bytes > self._max_bytes:
            self._forget_oldest()

    def since(self, time: int) -> list[Change] | None:
        """The changes after a time, oldest first, or None when that is further back than is known."""
        if time < self.floor:
            return None
        found = []
        for change in reversed(self._changes):
            if change.time <= time:
                break
            found.append(change)
        found.reverse()
        return found

    def states_at(self, time: int) -> dict[str, Record | None] | None:
        """What the documents changed since a time were at that time, or None when it is too far back."""
        changes = self.since(time)
        if changes is None:
            return None
        states: dict[str, Record | None] = {}
        for change in changes:
            states.setdefault(change.path, change.before)
        return states

    def _forget_oldest(self) -> None:
        # A commit is forgotten whole: half of it would be a state that never was.
        time = self._changes[0].time
        while self._changes and self._changes[0].time == time:
            self._bytes -= _weight(self._changes.popleft())
        self.floor = time


class Past:
    """A database at an earlier time: the present with later changes taken back; satisfies `Reader`."""

    def __init__(self, store: Store, states: dict[str, Record | None]) -> None:
        self._store = store
        self._states = states

    def get(self, path: str) -> Record | None:
        return self._states[path] if path in self._states else self._store.get(path)

    def scan(self, scope: Scope) -> Iterator[Record]:
        for record in self._store.scan(scope):
            if record.path not in self._states:
                yield record
        for path, state in self._states.items():
            if state is not None and scope.holds(path):
                yield state

    def collection_ids(self, parent: str) -> list[str]:
        """As `Store.collection_ids`, but at the cost of everything below the parent."""
        return sorted(self._next_segments(parent), key=str.encode)

    def missing_parents(self, collection: str) -> set[str]:
        """As `Store.missing_parents`, but at the cost of everything below the collection."""
        paths = {f"{collection}/{segment}" for segment in self._next_segments(collection)}
        return {path for path in paths if self.get(path) is None}

    def _next_segments(self, above: str) -> set[str]:
        start = len(above) + 1 if above else 0
        below = self.scan(Scope(above, None, descendants=True))
        return {record.path[start:].partition("/")[0] for record in below}


def _weight(change: Change) -> int:
    return len(change.before.data) if change.before else 0

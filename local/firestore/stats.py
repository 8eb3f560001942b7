"""Exact counts of what was committed, for tests that assert how many writes an action costs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from local.firestore.names import collection_of
from local.firestore.storage.history import Change


class Stats:
    """Counts since the start or the last reset. A write that changes nothing is counted as unchanged."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.commits = 0
        self.requested = 0
        self.kinds: Counter[str] = Counter()
        self.collections: dict[str, Counter[str]] = {}

    def count_commit(self, writes: int) -> None:
        """One accepted commit with so many writes, changing something or not."""
        self.commits += 1
        self.requested += writes

    def count_change(self, change: Change) -> None:
        """One document that a commit really changed."""
        kind = "deletes" if change.after is None else "creates" if change.before is None else "updates"
        self.kinds[kind] += 1
        group = collection_of(change.path).rpartition("/")[2]
        self.collections.setdefault(group, Counter())[kind] += 1

    def as_json(self) -> dict[str, Any]:
        """`requested` counts writes received; writes = creates + updates are those that changed a document."""
        return {
            "commits": self.commits,
            "requested": self.requested,
            **_shape(self.kinds),
            "unchanged": max(self.requested - sum(self.kinds.values()), 0),
            "collections": {name: _shape(kinds) for name, kinds in sorted(self.collections.items())},
        }


def _shape(kinds: Counter[str]) -> dict[str, int]:
    creates, updates, deletes = kinds["creates"], kinds["updates"], kinds["deletes"]
    return {"writes": creates + updates, "creates": creates, "updates": updates, "deletes": deletes}

"""Marks and what a mirror makes of them: the words that its rooms share.

A mark lives from the ledger commit that made it (the triggers of migrations/sql/0001_marks.sql) until a mirror has
shown its document and deletes it at exactly the version it claimed; a newer version of the same mark stays. A crash
anywhere in between leaves the mark. Pure. They are read by marks.py and deleted by settling.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple, TypeAlias

import psycopg2.extensions

Connection: TypeAlias = psycopg2.extensions.connection
Cursor: TypeAlias = psycopg2.extensions.cursor


class Version(NamedTuple):
    """Per-owner version of a document; later is greater."""

    epoch: int
    number: int


class Mark(NamedTuple):
    """The newest change of one document."""

    path: str
    version: Version
    marked_at: datetime


class Held(NamedTuple):
    """What Firestore was last known to hold at a path; deleted = a tombstone, with the time of the deleting commit."""

    update_time: datetime
    deleted: bool
    digest: bytes | None
    version: Version


class Live(NamedTuple):
    """Which shapes live (docs/shapes.md): `shape` is everybody's, `other` is being built, turned to, or dropped.

    `own` are the editions of `other` that `shape` does not share, by the names of their marks (kind_vN).
    """

    epoch: int = 1
    shape: int = 1
    other: int | None = None
    state: str = "still"
    own: tuple[str, ...] = ()


class Under(NamedTuple):
    """Under which living shapes a claim was made: the acknowledgement holds for these only.

    `origins` are the claimed marks with the documents that each asks for; None: each for the one at its own path.
    `turn`: the shape that the owner's head names once this commit is in, if that has to be noted.
    """

    epoch: int = 1
    origins: Mapping[tuple[str, Version], tuple[str, ...]] | None = None
    turn: int | None = None


UNDER_SHAPE_1 = Under()


class OwnerRow(NamedTuple):
    """One owner at the snapshot, with the row its head document is built from; `shape` is what the head names."""

    owner: str
    counter: Version
    marks: int
    first_month: date | None
    exists: bool
    email: str | None
    display_name: str | None
    head: Held | None
    head_parked: Version | None
    live: Live = Live()
    shape: int = 1


class Marked(NamedTuple):
    """A marked document of one owner: the mark, what Firestore holds there, the version it is parked at, and whether an
    operator dropped it: then it is not shown."""

    owner: str
    mark: Mark
    held: Held | None
    parked: Version | None
    dropped: bool = False


class Parked(NamedTuple):
    """A document that Firestore refuses for its content."""

    path: str
    version: Version
    code: str
    message: str


class Shown(NamedTuple):
    """What a commit left in Firestore at a path."""

    path: str
    held: Held


@dataclass(slots=True)
class Way:
    """The moments of one owner's commit by the mirror's clock; adopted without a commit, it is sent when built."""

    commit: str
    claimed_at: datetime
    built_at: datetime
    sent_at: datetime
    committed_at: datetime


class Traced(NamedTuple):
    """Marks of one owner and version that were acknowledged, with their trace; all without one are one."""

    owner: str
    epoch: int | None
    number: int | None
    trace_id: str | None
    origin: str | None
    began_at: datetime | None
    marked_at: datetime
    documents: int


class Acknowledged(NamedTuple):
    """What an acknowledging transaction did: the owners whose mirror state moved, and the traces that ended."""

    moved: set[str]
    traced: list[Traced]


@dataclass(slots=True)
class Acknowledgement:
    """All that one owner's commit (or what was read after a refusal) settles; `writes` are the commit's own."""

    owner: str
    shown: list[Shown] = field(default_factory=list)
    marks: list[tuple[str, Version]] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    unparked: list[str] = field(default_factory=list)
    way: Way | None = None
    writes: Sequence[Any] = ()
    under: Under = UNDER_SHAPE_1

    def served(self) -> Iterable[tuple[str, Version]]:
        """The marks that go: each of whose documents is settled."""
        if self.under.origins is None:
            return self.marks
        settled = {path for path, _ in self.marks}
        return [mark for mark, paths in self.under.origins.items() if settled.issuperset(paths)]

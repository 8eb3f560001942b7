"""Shapes: how the documents look and where they live, and what a claim has to build while two of them live.

A shape is a number and, per kind, the edition of its documents and who reads them from the ledger. Shapes that leave a
kind as it is share its edition, so only what changed is built beside. The ledger's one row `live_shapes` says which
shapes live and carries an epoch; it is read in the snapshot of the claim. While two live, a mark asks for the document
in both, in one commit; an edition that is being dropped is a document that should not exist. A process that does not
know all living shapes claims nothing: it could neither build them nor tell what a stranger's commit made of them.
Called by claims.py and reconcile.py; the life of a shape is reshape.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sync.errors import ShapeUnknown
from sync.mirror.asked import Documents, Reader, is_shared, key_of
from sync.mirror.changes import Cursor, Held, Live, Mark, Marked, OwnerRow, Under, Version
from sync.mirror.marks import read_known
from sync.mirror.projection import KINDS, place, project
from sync.paths import edition_of, moved, names_of, plain

Known: TypeAlias = Mapping[str, tuple[Held | None, Version | None]]


class Layout(NamedTuple):
    """One kind in a shape: the edition of its documents, and who builds them. Answers go by plain path."""

    edition: int
    read: Reader


class Shape(NamedTuple):
    """How all documents of an owner look while the owner's head names this number."""

    number: int
    layouts: Mapping[str, Layout]

    def editions(self) -> frozenset[tuple[str, int]]:
        """Every kind with its edition."""
        return frozenset((kind, layout.edition) for kind, layout in self.layouts.items())


SHAPE_1 = Shape(1, {kind: Layout(1, read) for kind, read in KINDS.items()})
SHAPES: Mapping[int, Shape] = {1: SHAPE_1}

# While it lasts, every owner has to be claimed whole once: heads are moved, or the last of an old shape is found.
_TURNING = frozenset({"flipping", "returning", "sweeping"})


@dataclass(frozen=True, slots=True)
class Living:
    """The shapes that live at one snapshot, as this process builds them."""

    live: Live
    registry: Mapping[int, Shape]

    @property
    def known(self) -> bool:
        """Whether this process can build every shape that lives; what is dropped needs no building."""
        dropped = {self.live.other} if self.live.state == "sweeping" else set()
        return {self.live.shape, self.live.other} - {None} - dropped <= self.registry.keys()

    def require(self) -> None:
        """Raises ShapeUnknown where a newer shape lives than this process knows."""
        if not self.known:
            raise ShapeUnknown(f"shapes {self.live.shape} and {self.live.other} live; known: {sorted(self.registry)}")

    @property
    def single(self) -> bool:
        """Whether every mark asks for exactly the document at its own path."""
        return self.live.other is None and self.live.shape == 1

    @property
    def width(self) -> int:
        """The most documents that one mark may ask for."""
        return 1 if self.live.other is None else 2

    def editions(self, kind: str) -> frozenset[int]:
        """Every edition of a kind that Firestore may hold."""
        layout = self.registry[self.live.shape].layouts.get(kind)
        own = {named[1] for name in self.live.own if (named := edition_of(name)) and named[0] == kind}
        return frozenset(own | ({layout.edition} if layout is not None else set()))

    def reader(self, kind: str, edition: int) -> Reader | None:
        """Who builds this edition; None if no document of it should exist."""
        kept = (self.live.shape, None if self.live.state == "sweeping" else self.live.other)
        for number in kept:
            layout = None if number is None else self.registry[number].layouts.get(kind)
            if layout is not None and layout.edition == edition:
                return layout.read
        return None

    def understands(self, path: str) -> bool:
        """Whether this process knows what a mark on this path means."""
        if place(path) is not None:
            return True
        name = path.split("/")[2] if "_v" in path and path.count("/") == 3 else ""
        return name in self.live.own or any(edition_of(name) in shape.editions() for shape in self.registry.values())

    def documents(self, path: str) -> list[str]:
        """Where the documents live that a mark on this path asks for."""
        bare = plain(path)
        found = place(bare)
        if found is None or not found.kind or is_shared(path):
            return [path]
        if bare != path and (named := edition_of(path.split("/")[2])) is not None:
            return [moved(bare, named[1])]
        return [moved(bare, edition) for edition in sorted(self.editions(found.kind))]

    def mark_of(self, place: str) -> str:
        """The mark that asks for the document at this place: the place itself, unless its edition lives no more."""
        return place if place in self.documents(place) else names_of(place)[-1]

    def project(self, cursor: Cursor, paths: Iterable[str], owners: Mapping[str, OwnerRow]) -> Documents:
        """Builds the documents at these places, each by its edition's reader; absent ones are left out."""
        if self.single and not any("_v" in path for path in paths):
            return project(cursor, paths, owners)
        wanted: dict[tuple[str, int], list[str]] = defaultdict(list)
        heads = []
        for path in paths:
            found = place(plain(path))
            if found is None or not found.kind or is_shared(path):
                heads.append(path)
            else:
                wanted[found.kind, self._edition(path)].append(path)
        documents = project(cursor, heads, owners)  # and what households show, which has one shape
        first_months = {key_of(owner.owner): owner.first_month for owner in owners.values()}
        for (kind, edition), there in wanted.items():
            if (read := self.reader(kind, edition)) is not None:
                keys = [tuple(plain(path).split("/")[1::2]) for path in there]
                found_here = read(cursor, keys, first_months)  # type: ignore[arg-type]
                documents.update((moved(path, edition), content) for path, content in found_here.items())
        return documents

    def pointer(self, shape: tuple[int, int] | None, *, whole: bool) -> tuple[int, int | None]:
        """Which shape an owner's head names, and the same again if this claim turns the owner to it.

        `shape` is what was last noted of the head, with the epoch of then. An owner is turned by a claim that leaves
        no mark unclaimed: nothing of either shape is then missing or unknown.
        """
        live = self.live
        if live.state not in _TURNING:
            return live.shape, None
        goal = live.other if live.state == "flipping" and live.other is not None else live.shape
        if shape is not None and shape[1] == live.epoch:
            return goal, None
        if whole:
            return goal, goal
        return (live.shape if shape is None or live.state == "sweeping" else shape[0]), None

    def _edition(self, path: str) -> int:
        named = edition_of(path.split("/")[2])
        return 1 if named is None else named[1]


def turning(live: Live) -> bool:
    """Whether owners are being turned, so that it matters what is noted of each."""
    return live.state in _TURNING


# --- what a claim asks for ---


class Asked(NamedTuple):
    """The marks of one owner as a claim divides them (plan.Claim); or the documents that they ask for."""

    claimed: dict[str, Marked]
    unfinished: dict[str, Marked]
    begun: frozenset[str]
    left: dict[str, Marked]


Origins: TypeAlias = dict[tuple[str, Version], tuple[str, ...]]


def spread(living: Living, marks: Asked, known: Known) -> tuple[Asked, Origins]:
    """From marks to the documents of all living shapes, and what each claimed mark asks for.

    A document asked for twice is asked for at its newest, also where one of its marks is left for another claim.
    """

    def ask(some: Mapping[str, Marked], but: Iterable[str] = ()) -> dict[str, Marked]:
        asked: dict[str, Marked] = {}
        skipped = set(but)
        for path, marked in some.items():
            for there in living.documents(path):
                if there not in skipped:
                    asked[there] = _newest(_at(marked, there, known), asked.get(there))
        return asked

    claimed = ask(marks.claimed)
    for path, marked in marks.left.items():
        for there in claimed.keys() & living.documents(path):
            claimed[there] = _newest(_at(marked, there, known), claimed[there])
    begun = frozenset(there for path in marks.begun for there in living.documents(path))
    origins = {(path, marked.mark.version): tuple(living.documents(path)) for path, marked in marks.claimed.items()}
    return Asked(claimed, ask(marks.unfinished, claimed), begun, ask(marks.left, claimed)), origins


def read_places(cursor: Cursor, living: Living, owner_of: Mapping[str, str]) -> Known:
    """Reads what is known of every place that these marks (path → owner) ask for."""
    places = {there: owner for path, owner in owner_of.items() for there in living.documents(path)}
    return read_known(cursor, places)


def _at(marked: Marked, path: str, known: Known) -> Marked:
    """The mark as if it were this document's own. What was written at a later version stays later: only its own
    mark had that version, and nothing has changed since."""
    held, parked = known.get(path, (None, None))
    version = marked.mark.version if held is None else max(marked.mark.version, held.version)
    return Marked(marked.owner, Mark(path, version, marked.mark.marked_at), held, parked)


def _newest(one: Marked, other: Marked | None) -> Marked:
    return one if other is None or one.mark.version >= other.mark.version else other


# --- what should be there (for comparing, not for mirroring) ---


class Expected(NamedTuple):
    """One owner's documents at their places, the row that the head is built from, and the places that are marked."""

    row: OwnerRow
    documents: Documents
    marked: set[str]


def expect(
    cursor: Cursor, living: Living, row: OwnerRow, *, paths: Iterable[str], places: Iterable[str], marked: Iterable[str]
) -> Expected:
    """Builds what should be there for these plain paths in every living shape, and at these places.

    Raises ShapeUnknown where a shape lives that this process cannot build.
    """
    living.require()
    if turning(living.live):
        row = row._replace(shape=living.pointer(read_shapes(cursor, [row.owner]).get(row.owner), whole=False)[0])
    wanted = {there for path in paths for there in living.documents(path)}.union(places)
    documents = living.project(cursor, wanted, {row.owner: row})
    return Expected(row, documents, {there for path in marked for there in living.documents(path)})


# --- who was turned ---

_READ_SHAPES = "select owner, shape, epoch from owner_shapes where owner = any (%s)"
_NOTE = """
insert into owner_shapes as o (owner, shape, epoch)
select distinct on (owner) * from unnest(%s::text[], %s::int[], %s::int[]) as turned(owner, shape, epoch)
where epoch = (select epoch from live_shapes) order by owner
on conflict (owner) do update set shape = excluded.shape, epoch = excluded.epoch
"""


def read_shapes(cursor: Cursor, owners: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Reads which shape each owner's head was last noted to name, and in which epoch."""
    cursor.execute(_READ_SHAPES, (list(owners),))
    return {owner: (shape, epoch) for owner, shape, epoch in cursor.fetchall()}


def note_turned(cursor: Cursor, turned: Iterable[tuple[str, Under]]) -> None:
    """Notes the owners that acknowledged commits have turned, if the epoch is still the same. Twice is safe.

    Inside the acknowledging transaction, after the marks are gone: the shapes cannot change until it ends.
    """
    rows = [(owner, under.turn, under.epoch) for owner, under in turned if under.turn is not None]
    if rows:
        cursor.execute(_NOTE, tuple(list(column) for column in zip(*rows, strict=True)))

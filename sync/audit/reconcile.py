"""Compares Firestore with what the ledger says should be there; writes nothing.

Firestore is read first, collection by collection, so that unknown documents are found; then one snapshot of mirror
state, marks and projection. A marked document is not judged: the mirror is about to write it. Neither is one whose
recorded update time is newer than the one read. What differs is damage: repair.py has the mirror mend it. A
comparison may be of some collections, or of some months of transactions, only. Called by audit.py and verify.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sync.mirror.asked import Documents, key_of
from sync.mirror.changes import Cursor, Held, Live, OwnerRow, Version
from sync.mirror.documents import Document, Unshowable, stand_in, versioned
from sync.mirror.encode import Unencodable, digest, encode, get_time, nameable, version_of
from sync.mirror.firestore import Firestore, ReadTally
from sync.mirror.marks import read_dropped, read_mirror_state, read_owners, read_parked
from sync.mirror.projection import candidates, place
from sync.paths import plain
from sync.shapes.shapes import SHAPES, Living, Shape, expect

# Written by clients: no projection of the ledger.
NOT_OURS = frozenset({"intents"})
HEAD = frozenset({""})


class Damage(NamedTuple):
    """One document that is not as it should be: what mirror state says of it, and what was found instead.

    `mark` is the mark that asks for it; its path, unless a shape of another edition lives.
    """

    path: str
    kind: str
    known: Held | None
    found: Any | None
    mark: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What of an owner is compared: the head (""), collections, single months of transactions. Default: everything."""

    collections: frozenset[str] | None = None
    months: frozenset[str] = frozenset()

    def covers(self, path: str, content: Document | Unshowable | None = None) -> bool:
        """Whether this document takes part; a transaction of a single month tells it by its content."""
        if self.collections is None:
            return True
        found = place(plain(path))
        if found is None or not found.kind:
            return found is not None and "" in self.collections
        if path.split("/")[2] in self.collections:
            return True
        month = getattr(content, "month", None) or (content.get("month") if isinstance(content, dict) else None)
        return path.split("/")[2] == "transactions" and month in self.months


@dataclass(slots=True)
class Reading:
    """What was found below an owner, the time since which it may have changed, and how many reads it took."""

    since: datetime
    found: dict[str, Any] = field(default_factory=dict)
    reads: int = 0


@dataclass
class Comparison:
    """One user's documents: how many agree, and the damage. `unknown` ghosts have a shape that is not ours to mend.

    Of those not judged, `acknowledged` are to the byte what a mirror last committed there.
    """

    owner: str
    since: datetime
    documents: int = 0
    equal: int = 0
    reads: int = 0
    damage: list[Damage] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    ledger_digest: str = ""
    mirror_digest: str = ""

    def paths(self, kind: str) -> list[str]:
        """The damaged paths of one kind: missing, ghost or different."""
        return sorted([one.path for one in self.damage if one.kind == kind] + (self.unknown if kind == "ghost" else []))

    @property
    def damaged(self) -> int:
        """How many documents are not as they should be."""
        return len(self.damage) + len(self.unknown)

    def as_json(self) -> dict[str, Any]:
        """The comparison with the names of the command line's JSON."""
        return {
            "user": key_of(self.owner), "documents": self.documents, "equal": self.equal,
            "missing": self.paths("missing"), "ghosts": self.paths("ghost"), "different": self.paths("different"),
            "unknown": self.unknown, "notJudged": self.not_judged, "acknowledged": self.acknowledged,
            "repaired": self.repaired, "reads": self.reads,
            "digest": {"ledger": self.ledger_digest, "mirror": self.mirror_digest},
        }  # fmt: skip


# --- Firestore ---


def read_owner(firestore: Firestore, owner: str, tally: ReadTally) -> Reading:
    """Reads everything below an owner, the head first. Raises FirestoreError, and whatever the tally refuses with."""
    reading = _begin(firestore, tally)
    _add_named(firestore, reading, [owner], tally)
    for collection in list_collections(firestore, owner, tally):
        _add(firestore, reading, firestore.documents_of(owner, collection, tally))
    reading.reads = tally.reads
    return reading


def read_scope(firestore: Firestore, owner: str, scope: Scope, tally: ReadTally) -> Reading:
    """Reads the head, some collections of an owner, and some months of transactions."""
    reading = _begin(firestore, tally)
    _add_named(firestore, reading, [owner], tally)
    for collection in sorted((scope.collections or set()) - HEAD):
        _add(firestore, reading, firestore.documents_of(owner, collection, tally))
    for month in sorted(scope.months, reverse=True):
        _add(firestore, reading, firestore.documents_of_month(owner, month, tally))
    reading.reads = tally.reads
    return reading


def read_again(firestore: Firestore, reading: Reading, paths: Iterable[str], tally: ReadTally) -> None:
    """Looks documents that a partial reading missed up by their names: they may be there under another month."""
    _add_named(firestore, reading, list(paths), tally)
    reading.reads = tally.reads


def list_collections(firestore: Firestore, owner: str, tally: ReadTally) -> list[str]:
    """Answers the collections below an owner, unknown ones too, without those that clients write."""
    tally.take(1)
    return [name for name in firestore.collections(owner) if name not in NOT_OURS]


def _begin(firestore: Firestore, tally: ReadTally) -> Reading:
    tally.take(1)
    return Reading(firestore.clock())


def _add_named(firestore: Firestore, reading: Reading, paths: list[str], tally: ReadTally) -> None:
    tally.take_all(len(paths))
    reading.found |= {path: document for path, document in firestore.read(paths).items() if document is not None}


def _add(firestore: Firestore, reading: Reading, documents: Iterable[Any]) -> None:
    reading.found.update((firestore.path(document.name), document) for document in documents)


# --- the comparison ---


def compare(
    cursor: Cursor,
    owner: str,
    reading: Reading,
    scope: Scope = Scope(),
    shapes: Mapping[int, Shape] = SHAPES,
) -> Comparison:
    """Holds what was read against one snapshot: the cursor's transaction, begun after the reading.

    Compares every shape that lives; raises ShapeUnknown where one does that is not among `shapes`.
    """
    rows = {row.owner: row for row in read_owners(cursor, [owner])}
    states, marked = read_mirror_state(cursor, owner)
    parked = read_parked(cursor, owner)
    found = reading.found
    living = Living(rows[owner].live if owner in rows else Live(), shapes)
    expected: Documents = {}
    if owner in rows:
        paths = _candidates(cursor, owner, scope)
        below = {path for path in found if path == owner or path.startswith(f"{owner}/")}
        rows[owner], expected, marked = expect(cursor, living, rows[owner], paths=paths, places=below, marked=marked)
        dropped = read_dropped(cursor, owner)
        expected = {path: one for path, one in expected.items() if path in found or scope.covers(path, one)}
        expected = {path: one for path, one in expected.items() if path not in dropped}
    comparison = Comparison(owner, reading.since, documents=len(found), reads=reading.reads)
    digests: tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]] = ([], [])
    for path in sorted({*expected, *found}):
        document, state = found.get(path), states.get(path)
        if path in marked or _newer(state, document, reading.since):
            comparison.not_judged.append(path)
            comparison.acknowledged.extend([path] if _as_acknowledged(state, document, path) else [])
            continue
        there = None if document is None else digest(document, path)
        wanted = None
        if path in expected and nameable(path):
            version = _version(state, document)
            wanted = _digest(path, version, expected[path], rows[owner], parked.get(path) == version)
        _judge(comparison, Damage(path, _kind(wanted, there), state, document, living.mark_of(path)), living)
        for side, value in zip(digests, (wanted, there), strict=True):
            side.extend([(path, value)] if value is not None else [])
    comparison.ledger_digest, comparison.mirror_digest = (_total(side) for side in digests)
    return comparison


def _candidates(cursor: Cursor, owner: str, scope: Scope) -> set[str]:
    if scope == Scope(HEAD):
        return {owner}
    paths = candidates(cursor, [owner])
    if scope.collections is None:
        return paths
    kinds = {name.partition("_v")[0] for name in scope.collections} | ({"transactions"} if scope.months else set())
    return {path for path in paths if (at := place(path)) is not None and at.kind in kinds}


def _newer(state: Held | None, document: Any | None, since: datetime) -> bool:
    """Whether the mirror has written since we read."""
    if state is None:
        return False
    return state.update_time > (since if document is None else max(since, get_time(document.update_time)))


def _as_acknowledged(state: Held | None, document: Any | None, path: str) -> bool:
    """Whether the document is to the byte what mirror state says of it."""
    if state is None or document is None:
        return state is not None and state.deleted and document is None
    same_commit = not state.deleted and state.update_time == get_time(document.update_time)
    return same_commit and state.digest == digest(document, path)


def _version(state: Held | None, document: Any | None) -> Version:
    if state is not None and not state.deleted:
        return state.version
    return (None if document is None else version_of(document)) or Version(0, 0)


def _digest(path: str, version: Version, content: Document | Unshowable, owner: OwnerRow, parked: bool) -> bytes:
    if not parked and not isinstance(content, Unshowable):
        try:
            return digest(encode(versioned(version, content)), path)
        except Unencodable:
            pass
    return digest(encode(stand_in(path, version, content, owner)), path)


def _kind(wanted: bytes | None, there: bytes | None) -> str:
    if wanted == there:
        return ""
    if there is None:
        return "missing"
    return "ghost" if wanted is None else "different"


def _judge(comparison: Comparison, damage: Damage, living: Living) -> None:
    if not damage.kind:
        comparison.equal += 1
    elif not living.understands(damage.mark):
        comparison.unknown.append(damage.path)
    else:
        comparison.damage.append(damage)


def _total(digests: list[tuple[str, bytes]]) -> str:
    total = hashlib.blake2b(digest_size=16)
    for path, value in digests:
        total.update(path.encode() + b"\0" + value)
    return total.hexdigest()

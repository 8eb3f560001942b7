"""Claims: the marks of many owners and the documents they ask for, read in one snapshot.

`read_claims` runs inside the caller's REPEATABLE READ, READ ONLY transaction and reads counters first: a plain read
fixes the snapshot, so marks, mirror state, window and ledger rows belong to one moment. An owner with more marks than
a request may hold is claimed month by month, newest first, rows and their month together; a marked month that is not
finished by the commit is shown as incomplete. Which shapes live is read with the counters; while two do, each mark
asks for the document in both (shapes.py). Called by lines.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sync import log
from sync.mirror.asked import Documents
from sync.mirror.changes import Cursor, Live, Marked, OwnerRow, Under
from sync.mirror.documents import month_name
from sync.mirror.marks import read_marks, read_owners
from sync.mirror.plan import Claim
from sync.mirror.projection import months_of
from sync.paths import kind_of, plain
from sync.shapes.shapes import Asked, Living, Shape, read_places, read_shapes, spread, turning

ROUND_MARKS = 20_000
REQUEST_WRITES = 5_000


class Claims(NamedTuple):
    """The claims of a round, and the owners left for the next because the round is full."""

    claims: list[Claim]
    postponed: list[str]


def read_claims(cursor: Cursor, owners: Sequence[str], rooms: Mapping[str, int], shapes: Mapping[int, Shape]) -> Claims:
    """Claims what fits into one round; `rooms` limits the writes of owners whose requests were too large.

    Claims nothing while a shape lives that is not among `shapes`.
    """
    rows = {row.owner: row for row in read_owners(cursor, owners)}
    living = Living(next((row.live for row in rows.values()), Live()), shapes)
    if not living.known:
        log.get(__name__).error("shape_unknown", shape=living.live.shape, other=living.live.other, known=[*shapes])
        return Claims([], [])
    chosen, postponed = _choose(owners, rows)
    parts = _parts(cursor, chosen, rooms, living, sum(rows[owner].marks for owner in chosen))
    if not living.single or any("_v" in path for part in parts.values() for path in part.claimed):
        _ask_for_all_shapes(cursor, parts, rows, living)
    documents = living.project(cursor, list(_paths(parts)), rows)
    return Claims([_claim(rows[owner], part, documents) for owner, part in parts.items()], postponed)


def _choose(owners: Sequence[str], rows: Mapping[str, OwnerRow]) -> tuple[list[str], list[str]]:
    chosen: list[str] = []
    postponed: list[str] = []
    marks = 0
    for owner in owners:
        if owner not in rows:
            continue
        if chosen and marks + rows[owner].marks > ROUND_MARKS:
            postponed.append(owner)
        else:
            chosen.append(owner)
            marks += rows[owner].marks
    return chosen, postponed


@dataclass(slots=True)
class _Part:
    claimed: dict[str, Marked]
    unfinished: dict[str, Marked]
    begun: frozenset[str]
    left: dict[str, Marked]
    under: Under = field(default_factory=Under)


def _parts(
    cursor: Cursor, owners: Sequence[str], rooms: Mapping[str, int], living: Living, count: int
) -> dict[str, _Part]:
    by_owner: dict[str, dict[str, Marked]] = {owner: {} for owner in owners}
    for marked in read_marks(cursor, owners, count):
        by_owner[marked.owner][marked.mark.path] = marked
    return {
        owner: _part(cursor, owner, marks, max(1, rooms.get(owner, REQUEST_WRITES) // living.width), living)
        for owner, marks in by_owner.items()
    }


def _part(cursor: Cursor, owner: str, marks: dict[str, Marked], room: int, living: Living) -> _Part:
    """Marks of a shape that only a newer process knows stay: acknowledging them here would lose their documents."""
    known = _known(owner, marks, living)
    if len(known) < len(marks):
        log.get(__name__).warning("marks_of_a_newer_shape", owner=owner, marks=len(marks) - len(known))
    part = _Part(known, {}, frozenset(), {}) if len(known) <= room else _newest_months(cursor, known, room)
    part.left = {path: marked for path, marked in marks.items() if path not in part.claimed}
    part.under = Under(living.live.epoch)
    return part


def _known(owner: str, marks: dict[str, Marked], living: Living) -> dict[str, Marked]:
    """Those of the owner's own documents; what one document of a collection is, the others are."""
    known: dict[str, Marked] = {}
    understood: dict[str, bool] = {}
    for path, marked in marks.items():
        collection, _, name = path.rpartition("/")
        if collection not in understood:
            understood[collection] = path.startswith(f"{owner}/") and living.understands(f"{collection}/any")
        mine = living.understands(path) if path == owner else name != "" and understood[collection]
        if mine:
            known[path] = marked
    return known


def _ask_for_all_shapes(cursor: Cursor, parts: Mapping[str, _Part], rows: dict[str, OwnerRow], living: Living) -> None:
    """Puts in place of each mark the documents that it asks for, and decides which shape each head names."""
    marks = {path: owner for owner, part in parts.items() for path in (*part.claimed, *part.unfinished, *part.left)}
    known = read_places(cursor, living, marks)
    noted = read_shapes(cursor, parts) if turning(living.live) else {}
    for owner, part in parts.items():
        whole = not part.left and not part.unfinished
        shape, turn = living.pointer(noted.get(owner), whole=whole)
        rows[owner] = rows[owner]._replace(shape=shape)
        asked, origins = spread(living, Asked(part.claimed, part.unfinished, part.begun, part.left), known)
        part.claimed, part.unfinished, part.begun, part.left = asked
        part.under = Under(living.live.epoch, origins, turn)


def _newest_months(cursor: Cursor, marks: dict[str, Marked], room: int) -> _Part:
    """Takes whole months while they fit; one that alone does not fit is begun. Rows of no known month go first."""
    claimed: dict[str, Marked] = {}
    months: dict[str, Marked] = {}
    groups: dict[str, dict[str, Marked]] = defaultdict(dict)
    month_of = months_of(cursor, list({plain(path) for path in marks}))
    for path, marked in marks.items():
        kind = kind_of(path)
        if kind == "months":
            months[path] = groups[path.rsplit("/", 1)[1]][path] = marked
        elif kind == "transactions":
            month = month_of.get(plain(path))
            name = "unknown" if month is None else month_name(month)
            groups[name][path] = marked
        else:
            claimed[path] = marked
    begun: frozenset[str] = frozenset()
    for name in sorted(groups, reverse=True):
        group = groups[name]
        if len(claimed) + len(group) <= room:
            claimed.update(group)
            continue
        if not any(path in claimed for done in groups.values() for path in done):
            rows = [path for path in group if path not in months][: max(1, room - len(claimed))]
            claimed.update((path, group[path]) for path in rows)
            begun = frozenset(path for path in group if path in months)
        break
    unfinished = {path: marked for path, marked in months.items() if path not in claimed}
    return _Part(claimed, unfinished, begun, {})


def _paths(parts: Mapping[str, _Part]) -> Iterable[str]:
    for owner, part in parts.items():
        yield from dict.fromkeys([owner, *part.claimed, *part.unfinished])


def _claim(row: OwnerRow, part: _Part, documents: Documents) -> Claim:
    dropped = {path for path, marked in {**part.claimed, **part.unfinished}.items() if marked.dropped}
    wanted = [path for path in _paths({row.owner: part}) if path in documents and path not in dropped]
    own = {path: documents[path] for path in wanted}
    return Claim(row, part.claimed, own, part.unfinished, part.begun, part.left, part.under)

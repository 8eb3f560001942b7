"""Claims: the marks of many owners and the documents they ask for, read in one snapshot.

`read_claims` runs inside the caller's REPEATABLE READ, READ ONLY transaction and reads counters first: a plain read
fixes the snapshot, so marks, mirror state, window and ledger rows belong to one moment. An owner with more marks than
a request may hold is claimed month by month, newest first, rows and their month together; a marked month that is not
finished by the commit is shown as incomplete. Called by mirror.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sync import log
from sync.changes import Cursor, Marked, OwnerRow, read_marks, read_owners
from sync.documents import month_name
from sync.plan import Claim
from sync.projection import Documents, months_of, place, project

ROUND_MARKS = 20_000
REQUEST_WRITES = 5_000


class Claims(NamedTuple):
    """The claims of a round, and the owners left for the next because the round is full."""

    claims: list[Claim]
    postponed: list[str]


def read_claims(cursor: Cursor, owners: Sequence[str], rooms: Mapping[str, int]) -> Claims:
    """Claims what fits into one round; `rooms` limits the writes of owners whose requests were too large."""
    rows = {row.owner: row for row in read_owners(cursor, owners)}
    chosen, postponed = _choose(owners, rows)
    parts = _parts(cursor, chosen, rooms, sum(rows[owner].marks for owner in chosen))
    documents = project(cursor, _paths(parts), rows)
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


def _parts(cursor: Cursor, owners: Sequence[str], rooms: Mapping[str, int], marks: int) -> dict[str, _Part]:
    by_owner: dict[str, dict[str, Marked]] = {owner: {} for owner in owners}
    for marked in read_marks(cursor, owners, marks):
        by_owner[marked.owner][marked.mark.path] = marked
    return {owner: _part(cursor, owner, marks, rooms.get(owner, REQUEST_WRITES)) for owner, marks in by_owner.items()}


def _part(cursor: Cursor, owner: str, marks: dict[str, Marked], room: int) -> _Part:
    """Marks of a shape that only a newer process knows stay: acknowledging them here would lose their documents."""
    known = {path: marked for path, marked in marks.items() if _is_known(owner, path)}
    if len(known) < len(marks):
        log.get(__name__).warning("marks_of_a_newer_shape", owner=owner, marks=len(marks) - len(known))
    part = _Part(known, {}, frozenset(), {}) if len(known) <= room else _newest_months(cursor, known, room)
    part.left = {path: marked for path, marked in marks.items() if path not in part.claimed}
    return part


def _is_known(owner: str, path: str) -> bool:
    return (path == owner or path.startswith(f"{owner}/")) and place(path) is not None


def _newest_months(cursor: Cursor, marks: dict[str, Marked], room: int) -> _Part:
    """Takes whole months while they fit; one that alone does not fit is begun. Rows of no known month go first."""
    claimed: dict[str, Marked] = {}
    months: dict[str, Marked] = {}
    groups: dict[str, dict[str, Marked]] = defaultdict(dict)
    month_of = months_of(cursor, list(marks))
    for path, marked in marks.items():
        kind = path.split("/")[2] if "/" in path[6:] else ""
        if kind == "months":
            months[path] = groups[path.rsplit("/", 1)[1]][path] = marked
        elif kind == "transactions":
            name = month_name(month_of[path]) if path in month_of else "unknown"
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
    own = {path: documents[path] for path in _paths({row.owner: part}) if path in documents}
    return Claim(row, part.claimed, own, part.unfinished, part.begun, part.left)

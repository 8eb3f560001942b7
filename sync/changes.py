"""Marks: which documents may differ now, who works on them, and their exact acknowledgement.

A mark lives from the ledger commit that made it (the triggers of migrations/sql/0001_marks.sql) until a mirror has
shown its document and deletes it at exactly the version it claimed; a newer version of the same mark stays. A crash
anywhere in between leaves the mark. Called by claims.py, acknowledger.py and reconcile.py, inside their transactions.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple, TypeAlias

import psycopg2.extensions
from psycopg2.extras import execute_values

from sync.prepared import Statement

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


# Marks are looked for above their owner's low watermark only: at or below it there is none, and those that are gone but
# not vacuumed yet would be walked over. It is set when the flag is cleared, under the counter's lock.

# The first statement of every claim: a plain read, so that it fixes the snapshot (a lock call must never come first).
_OWNERS = Statement("""
select o.owner, o.epoch, o.number,
    (select count(*) from changes as c
     where c.owner = o.owner and (c.epoch, c.number) > (o.clean_epoch, o.clean_number)),
    o.first_month, u.id is not null, u.email, u.display_name,
    s.update_time, s.deleted, s.digest, s.epoch, s.number, p.epoch, p.number,
    (select array[epoch::text, shape::text, other::text, state] || own from live_shapes)
from owners as o
left join users as u on u.id = substr(o.owner, 7) and o.owner like 'users/%%'
left join mirror_state as s on s.owner = o.owner and s.path = o.owner
left join parked_documents as p on p.owner = o.owner and p.path = o.owner
where o.owner = any (%s)
""", "text[]")  # fmt: skip

_MARKS = Statement("""
select c.owner, c.path, c.epoch, c.number, c.marked_at, s.update_time, s.deleted, s.digest, s.epoch, s.number,
    p.epoch, p.number, p.dropped_at is not null
from owners as o
join changes as c on c.owner = o.owner and (c.epoch, c.number) > (o.clean_epoch, o.clean_number)
left join mirror_state as s on s.owner = c.owner and s.path = c.path
left join parked_documents as p on p.owner = c.owner and p.path = c.path
where o.owner = any (%s)
""", "text[]")  # fmt: skip

_KNOWN = """
select w.path, s.update_time, s.deleted, s.digest, s.epoch, s.number, p.epoch, p.number
from unnest(%s::text[], %s::text[]) as w(owner, path)
left join mirror_state as s on s.owner = w.owner and s.path = w.path
left join parked_documents as p on p.owner = w.owner and p.path = w.path
"""


def read_owners(cursor: Cursor, owners: Sequence[str]) -> list[OwnerRow]:
    """Reads counters, heads and what Firestore is known to hold of the heads."""
    return [
        OwnerRow(row[0], Version(row[1], row[2]), row[3], row[4], row[5], row[6], row[7], _held(row[8:13]),
                 _version(row[13:15]), live := _live(row[15]), live.shape)
        for row in _OWNERS.run(cursor, list(owners))
    ]  # fmt: skip


def read_marks(cursor: Cursor, owners: Sequence[str], count: int) -> list[Marked]:
    """Reads all marks of the owners, about so many, with what Firestore is known to hold at each path."""
    return [
        Marked(row[0], Mark(row[1], Version(row[2], row[3]), row[4]), _held(row[5:10]), _version(row[10:12]), row[12])
        for row in _MARKS.run(cursor, list(owners), rows=count)
    ]


def read_known(cursor: Cursor, owner_of: Mapping[str, str]) -> dict[str, tuple[Held | None, Version | None]]:
    """Reads what Firestore is known to hold at these paths (path → owner), and the versions they are parked at."""
    cursor.execute(_KNOWN, (list(owner_of.values()), list(owner_of)))
    return {row[0]: (_held(row[1:6]), _version(row[6:8])) for row in cursor.fetchall()}


def read_mirror_state(cursor: Cursor, owner: str) -> tuple[dict[str, Held], set[str]]:
    """Reads all that Firestore is known to hold of an owner, and the paths that are marked."""
    cursor.execute(
        "select path, update_time, deleted, digest, epoch, number from mirror_state where owner = %s", (owner,)
    )
    states = {row[0]: held for row in cursor.fetchall() if (held := _held(row[1:])) is not None}
    cursor.execute("select path from changes where owner = %s", (owner,))
    return states, {path for (path,) in cursor.fetchall()}


def read_parked(cursor: Cursor, owner: str) -> dict[str, Version]:
    """Reads which documents of an owner are parked, and at which version."""
    cursor.execute("select path, epoch, number from parked_documents where owner = %s", (owner,))
    return {path: Version(epoch, number) for path, epoch, number in cursor.fetchall()}


def read_dropped(cursor: Cursor, owner: str) -> set[str]:
    """Reads which documents of an owner an operator dropped: they should not be there."""
    cursor.execute("select path from parked_documents where owner = %s and dropped_at is not null", (owner,))
    return {path for (path,) in cursor.fetchall()}


def _held(columns: Sequence[Any]) -> Held | None:
    if columns[0] is None:
        return None
    digest = None if columns[2] is None else bytes(columns[2])
    return Held(columns[0], columns[1], digest, Version(columns[3], columns[4]))


def _live(columns: Sequence[Any]) -> Live:
    epoch, shape, other, state, *own = columns
    return Live(int(epoch), int(shape), None if other is None else int(other), state, tuple(own))


def _version(columns: Sequence[Any]) -> Version | None:
    return None if columns[0] is None else Version(columns[0], columns[1])


_MOVE_STATE = """
with moved as (
    insert into mirror_state as s (owner, path, digest, epoch, number, update_time, deleted) {}
    on conflict (owner, path) do update
    set digest = excluded.digest, epoch = excluded.epoch, number = excluded.number,
        update_time = excluded.update_time, deleted = excluded.deleted
    where excluded.update_time > s.update_time
    returning s.owner)
select distinct owner from moved
"""

# Above so many rows COPY is worth its extra statements; shown documents and claimed marks go through one table.
_COPY_FROM = 200
_STAGE = """
create temporary table if not exists settled (owner text collate "C", path text collate "C", digest bytea,
    epoch integer, number bigint, update_time timestamptz, deleted boolean, mark_epoch integer, mark_number bigint,
    mark_shapes integer)
on commit delete rows
"""
_SHOWN_FROM_STAGE = """
select owner, path, digest, epoch, number, update_time, deleted from settled where update_time is not null
order by owner, path
"""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_TO_ESCAPE = re.compile(r"[\\\t\n\r]").search

# Whoever changes which shapes live takes this advisory lock alone, every acknowledgement shares it.
SHAPES_LOCK = 0x73686170  # "shap"

# A locked mark is being marked anew: it stays. The row is checked again at its newest version when it is locked, and
# whoever holds its lock may rely on its place until the transaction ends. Marks claimed under other shapes stay too;
# the second statement's snapshot is taken after the lock is held.
_DELETE_MARKS = """
select pg_advisory_xact_lock_shared(%s);
with claimed as (
    select c.ctid from changes as c
    join {} as exact(owner, path, epoch, number, shapes)
        on c.owner = exact.owner and c.path = exact.path and c.epoch = exact.epoch and c.number = exact.number
    where exact.shapes = (select epoch from live_shapes)
    order by c.owner, c.path for update of c skip locked),
gone as (
    delete from changes as c using claimed where c.ctid = claimed.ctid
    returning c.owner, c.trace_id, c.marked_at, c.origin, c.began_at,
        case when c.trace_id is not null then c.epoch end as epoch,
        case when c.trace_id is not null then c.number end as number)
select owner, epoch, number, trace_id, origin, began_at, min(marked_at), count(*)::int
from gone group by owner, epoch, number, trace_id, origin, began_at
"""
_MARKS_OF_ARRAYS = "unnest(%s::text[], %s::text[], %s::int[], %s::bigint[], %s::int[])"
_MARKS_FROM_STAGE = """
    (select owner, path, mark_epoch, mark_number, mark_shapes from settled where mark_epoch is not null)
"""

_PARK = """
insert into parked_documents as p (owner, path, epoch, number, error_code, error_message) values %s
on conflict (owner, path) do update
set epoch = excluded.epoch, number = excluded.number, error_code = excluded.error_code,
    error_message = excluded.error_message, parked_at = now()
where (excluded.epoch, excluded.number) >= (p.epoch, p.number)
"""

_UNPARK = """
delete from parked_documents as p using unnest(%s::text[], %s::text[]) as gone(owner, path)
where p.owner = gone.owner and p.path = gone.path and p.dropped_at is null
"""


def acknowledge(cursor: Cursor, done: Sequence[Acknowledgement]) -> Acknowledged:
    """Moves mirror state forward and deletes exactly the claimed marks; the caller commits. Safe to run twice.

    Answers which owners' state moved and which traces the deleted marks carried: neither the second time.
    """
    parked = sorted((a.owner, p) for a in done for p in a.parked)
    if parked:
        execute_values(cursor, _PARK, [(o, p.path, *p.version, p.code, p.message) for o, p in parked])
    unparked = [(a.owner, path) for a in done for path in a.unparked]
    if unparked:
        cursor.execute(_UNPARK, tuple(list(column) for column in zip(*unparked, strict=True)))
    many = sum(max(len(a.shown), len(a.marks)) for a in done) > _COPY_FROM
    return (_settle_many if many else _settle_few)(cursor, done)


def _settle_few(cursor: Cursor, done: Sequence[Acknowledgement]) -> Acknowledged:
    moved: set[str] = set()
    shown = sorted((a.owner, s.path, s.held) for a in done for s in a.shown)
    if shown:
        rows = [(o, p, h.digest, h.version.epoch, h.version.number, h.update_time, h.deleted) for o, p, h in shown]
        execute_values(cursor, _MOVE_STATE.format("values %s"), rows, page_size=len(rows))
        moved = {owner for (owner,) in cursor.fetchall()}
    marks = [(a.owner, path, *version, a.under.epoch) for a in done for path, version in a.served()]
    if not marks:
        return Acknowledged(moved, [])
    columns = tuple(list(column) for column in zip(*marks, strict=True))
    cursor.execute(_DELETE_MARKS.format(_MARKS_OF_ARRAYS), (SHAPES_LOCK, *columns))
    return Acknowledged(moved, [Traced(*row) for row in cursor.fetchall()])


def _settle_many(cursor: Cursor, done: Sequence[Acknowledgement]) -> Acknowledged:
    cursor.execute(_STAGE)
    cursor.copy_expert("copy settled from stdin", io.StringIO("".join(line for a in done for line in _lines(a))))
    cursor.execute(_MOVE_STATE.format(_SHOWN_FROM_STAGE))
    moved = {owner for (owner,) in cursor.fetchall()}
    cursor.execute(_DELETE_MARKS.format(_MARKS_FROM_STAGE), (SHAPES_LOCK,))
    return Acknowledged(moved, [Traced(*row) for row in cursor.fetchall()])


def _lines(done: Acknowledgement) -> Iterator[str]:
    """One line per document or mark, in COPY's text format."""
    owner, marks, shapes = _escaped(done.owner), dict(done.served()), done.under.epoch
    moment, written = None, ""
    for path, held in done.shown:
        if held.update_time is not moment:
            moment, written = held.update_time, held.update_time.isoformat()
        digest = "\\N" if held.digest is None else f"\\\\x{held.digest.hex()}"
        epoch, number = held.version
        mark_epoch, mark_number = marks.pop(path, _NO_MARK)
        yield (
            f"{owner}\t{_escaped(path)}\t{digest}\t{epoch}\t{number}\t{written}\t{held.deleted}\t"
            f"{mark_epoch}\t{mark_number}\t{shapes}\n"
        )
    for path, (epoch, number) in marks.items():
        yield f"{owner}\t{_escaped(path)}\t\\N\t\\N\t\\N\t\\N\t\\N\t{epoch}\t{number}\t{shapes}\n"


_NO_MARK: tuple[int | str, int | str] = ("\\N", "\\N")


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES) if _TO_ESCAPE(text) else text


# Two statements on purpose: the second one's snapshot is taken after the counters are locked, so it sees every mark
# whose writer held them before. In one statement a mark committed between snapshot and lock would be overlooked.
_LOCK_FREE_COUNTERS = "select owner from owners where owner = any (%s) order by owner for update skip locked"
_CLEAR_DIRTY = """
update owners as o set dirty = false, dirty_since = null, clean_epoch = o.epoch, clean_number = o.number
where o.owner = any (%s) and not exists (
    select from changes as c where c.owner = o.owner and (c.epoch, c.number) > (o.clean_epoch, o.clean_number))
returning o.owner
"""


class Settled(NamedTuple):
    """What became of the dirty flags: owners now clean, with marks left, and those whose counter a writer holds."""

    clean: set[str]
    marked: set[str]
    busy: set[str]


def clear_dirty(cursor: Cursor, owners: Iterable[str]) -> Settled:
    """Clears the flag of owners without marks, under their counters' locks; the caller commits. Safe to run twice."""
    wanted = sorted(owners)
    cursor.execute(_LOCK_FREE_COUNTERS, (wanted,))
    locked = {owner for (owner,) in cursor.fetchall()}
    cursor.execute(_CLEAR_DIRTY, (sorted(locked),))
    clean = {owner for (owner,) in cursor.fetchall()}
    return Settled(clean, locked - clean, set(wanted) - locked)

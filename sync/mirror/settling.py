"""Settles what was shown: mirror state moves forward, exactly the claimed marks go, and dirty flags are cleared.

All of it inside the caller's transaction, set-based, and safe to do twice (docs/consistency.md, rules 1.4, 4.1 and
4.2). Called by acknowledger.py.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from psycopg2.extras import execute_values

from sync.mirror.changes import Acknowledged, Acknowledgement, Cursor, Traced
from sync.mirror.prepared import Statement

_MOVE = """
with moved as (
    insert into mirror_state as s (owner, path, digest, epoch, number, update_time, deleted) {}
    on conflict (owner, path) do update
    set digest = excluded.digest, epoch = excluded.epoch, number = excluded.number,
        update_time = excluded.update_time, deleted = excluded.deleted
    where excluded.update_time > s.update_time
    returning s.owner)
select distinct owner from moved
"""
_STATE_TYPES = ("text[]", "text[]", "bytea[]", "int[]", "bigint[]", "timestamptz[]", "boolean[]")
_STATES = f"select * from unnest({', '.join(f'%s::{kind}' for kind in _STATE_TYPES)})"  # noqa: S608
_MOVE_FEW = Statement(_MOVE.format(_STATES), *_STATE_TYPES)

# Above so many rows COPY is worth its extra statements; shown documents and claimed marks go through one table.
_COPY_FROM = 200
# Few keys are looked up one by one, by plans made once (session.KEY_BY_KEY); many may be joined in any way.
_ANY_JOIN = "set local enable_hashjoin = on; set local enable_mergejoin = on"
_KEY_BY_KEY = "set local enable_hashjoin = off; set local enable_mergejoin = off"
_STAGE = """
create temporary table if not exists settled (owner text collate "C", path text collate "C", digest bytea,
    epoch integer, number bigint, update_time timestamptz, deleted boolean, mark_epoch integer, mark_number bigint,
    mark_shapes integer)
on commit delete rows
"""
_MOVE_STAGED = _MOVE.format("""
select owner, path, digest, epoch, number, update_time, deleted from settled where update_time is not null
order by owner, path
""")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_TO_ESCAPE = re.compile(r"[\\\t\n\r]").search

# Whoever changes which shapes live takes this advisory lock alone, every acknowledgement shares it.
SHAPES_LOCK = 0x73686170  # "shap"

# A locked mark is being marked anew: it stays. The row is checked again at its newest version when it is locked, and
# whoever holds its lock may rely on its place until the transaction ends. Marks claimed under other shapes stay too;
# the second statement's snapshot is taken after the lock is held.
_LOCK_SHAPES = f"select pg_advisory_xact_lock_shared({SHAPES_LOCK})"
_DELETE = """
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
_MARK_TYPES = ("text[]", "text[]", "int[]", "bigint[]", "int[]")
_DELETE_FEW = Statement(_DELETE.format(f"unnest({', '.join(f'%s::{kind}' for kind in _MARK_TYPES)})"), *_MARK_TYPES)
_DELETE_STAGED = _DELETE.format("""
    (select owner, path, mark_epoch, mark_number, mark_shapes from settled where mark_epoch is not null)
""")

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
        cursor.execute(_UNPARK, _columns(unparked))
    many = sum(max(len(a.shown), len(a.marks)) for a in done) > _COPY_FROM
    return (_settle_many if many else _settle_few)(cursor, done)


def _settle_few(cursor: Cursor, done: Sequence[Acknowledgement]) -> Acknowledged:
    moved: set[str] = set()
    shown = sorted((a.owner, s.path, s.held) for a in done for s in a.shown)
    if shown:
        rows = [(o, p, h.digest, h.version.epoch, h.version.number, h.update_time, h.deleted) for o, p, h in shown]
        moved = {owner for (owner,) in _MOVE_FEW.run(cursor, *_columns(rows))}
    marks = [(a.owner, path, *version, a.under.epoch) for a in done for path, version in a.served()]
    if not marks:
        return Acknowledged(moved, [])
    cursor.execute(_LOCK_SHAPES)
    return Acknowledged(moved, [Traced(*row) for row in _DELETE_FEW.run(cursor, *_columns(marks))])


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _settle_many(cursor: Cursor, done: Sequence[Acknowledgement]) -> Acknowledged:
    cursor.execute(f"{_ANY_JOIN}; {_STAGE}")
    cursor.copy_expert("copy settled from stdin", io.StringIO("".join(line for a in done for line in _lines(a))))
    cursor.execute(_MOVE_STAGED)
    moved = {owner for (owner,) in cursor.fetchall()}
    cursor.execute(_LOCK_SHAPES)
    cursor.execute(_DELETE_STAGED)
    traced = [Traced(*row) for row in cursor.fetchall()]
    cursor.execute(_KEY_BY_KEY)
    return Acknowledged(moved, traced)


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
_LOCK_FREE_COUNTERS = Statement(
    "select owner from owners where owner = any (%s) order by owner for update skip locked", "text[]"
)
_CLEAR_DIRTY = Statement(
    """
update owners as o set dirty = false, dirty_since = null, clean_epoch = o.epoch, clean_number = o.number
where o.owner = any (%s) and not exists (
    select from changes as c where c.owner = o.owner and (c.epoch, c.number) > (o.clean_epoch, o.clean_number))
returning o.owner
""",
    "text[]",
)


class Settled(NamedTuple):
    """What became of the dirty flags: owners now clean, with marks left, and those whose counter a writer holds."""

    clean: set[str]
    marked: set[str]
    busy: set[str]


def clear_dirty(cursor: Cursor, owners: Iterable[str]) -> Settled:
    """Clears the flag of owners without marks, under their counters' locks; the caller commits. Safe to run twice."""
    wanted = sorted(owners)
    locked = {owner for (owner,) in _LOCK_FREE_COUNTERS.run(cursor, wanted)}
    clean = {owner for (owner,) in _CLEAR_DIRTY.run(cursor, sorted(locked))}
    return Settled(clean, locked - clean, set(wanted) - locked)

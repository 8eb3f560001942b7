"""Reads what is marked, and what Firestore was last known to hold there, inside the caller's snapshot.

Called by claims.py and shapes.py for the mirror, and by whoever compares Firestore with the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync.mirror.changes import Cursor, Held, Live, Mark, Marked, OwnerRow, Version
from sync.mirror.prepared import Statement

# Marks are looked for above their owner's low watermark only: at or below it there is none, and those that are gone but
# not vacuumed yet would be walked over. It is set when the flag is cleared, under the counter's lock.

# The first statement of every claim: a plain read, so that it fixes the snapshot (a lock call must never come first).
_OWNERS = Statement("""
select o.owner, o.epoch, o.number,
    (select count(*) from changes as c
     where c.owner = o.owner and (c.epoch, c.number) > (o.clean_epoch, o.clean_number)),
    o.first_month, u.id is not null or h.id is not null, u.email, coalesce(u.display_name, h.name),
    s.update_time, s.deleted, s.digest, s.epoch, s.number, p.epoch, p.number,
    (select array[epoch::text, shape::text, other::text, state] || own from live_shapes)
from owners as o
left join users as u on u.id = substr(o.owner, 7) and o.owner like 'users/%%'
left join households as h on h.id = substr(o.owner, 12) and o.owner like 'households/%%'
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

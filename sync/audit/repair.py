"""Has the mirror mend what reconcile found: mirror state is told what was observed, and the document is marked anew.

No document is written here (docs/consistency.md, section 6). In one transaction per step, under the owner's counter:
what is marked by now, or whose mirror state is no longer the row that was compared, is left alone; of the rest the
observation is stored, though it may move mirror state backwards, the one exception to rule 4.1; then a mark with a new
version, and one row of `mirror_repairs` per document. Two reconcilers, a running mirror and writers may all be at it
at once. A crash leaves whole steps. Called by audit.py and verify.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from psycopg2.extras import execute_values

from sync import log
from sync.audit.reconcile import Comparison, Damage
from sync.db import retrying
from sync.metrics import REPAIRS
from sync.mirror.changes import Connection, Cursor, Version
from sync.mirror.encode import digest, get_time, version_of
from sync.paths import names_of
from sync.steps import step

STEP = 2_000

_LOCK_OWNER = "select lock_owners(array[%s])"
# In the order in which an acknowledgement takes them.
_LOCK_STATE = "select from mirror_state where owner = %s and path = any (%s) order by path for update"

# A head is left alone while anything of its owner is marked: a commit that nobody acknowledged may have moved it, and
# with it what is known of the marked documents (rule 2.5).
_OBSERVE = """
with seen as (
    select s.* from (values %s)
        as s(owner, path, known_time, known_deleted, time, deleted, digest, epoch, number, names)
    where not exists (
        select from changes as c where c.owner = s.owner and (c.path = any (s.names) or s.path = s.owner))
), moved as (
    update mirror_state as m
    set update_time = s.time, deleted = s.deleted, digest = s.digest, epoch = s.epoch, number = s.number
    from seen as s
    where m.owner = s.owner and m.path = s.path and m.update_time = s.known_time and m.deleted = s.known_deleted
    returning m.path
), made as (
    insert into mirror_state (owner, path, update_time, deleted, digest, epoch, number)
    select owner, path, time, deleted, digest, epoch, number from seen where known_time is null
    on conflict do nothing
    returning path
)
select path from moved union all select path from made
"""
_TYPES = (
    "(%s, %s, %s::timestamptz, %s::boolean, %s::timestamptz, %s::boolean, %s::bytea, %s::integer, %s::bigint, "
    "%s::text[])"
)
_MARK = "select mark_documents(%s, %s)"
_LOG = """
insert into mirror_repairs (owner, path, kind, known_update_time, observed_update_time, observed_digest,
    observed_epoch, observed_number, epoch, number, mark)
select r.owner, r.path, r.kind, r.known, r.time, r.digest, r.seen_epoch, r.seen_number, c.epoch, c.number, r.mark
from (values %s) as r(owner, path, kind, known, time, digest, seen_epoch, seen_number, mark)
join changes as c on c.owner = r.owner and c.path = r.mark
"""
_LOG_TYPES = "(%s, %s, %s, %s::timestamptz, %s::timestamptz, %s::bytea, %s::integer, %s::bigint, %s)"

# Mirror state of a mended document has the repair's version or a later one, and the time of the commit.
_MENDED = """
update mirror_repairs as r set mended_at = coalesce(
    (select s.update_time from mirror_state as s where s.owner = r.owner and s.path = r.path
        and (s.epoch, s.number) >= (r.epoch, r.number)), clock_timestamp())
where r.mended_at is null and (%s is null or r.owner = %s)
  and not exists (select from changes as c where c.owner = r.owner and c.path = r.mark)
"""
_FORGET = "delete from mirror_repairs where id in (select id from mirror_repairs where found_at < %s limit 5000)"
_RECENT = """
select owner, path, kind, observed_update_time, found_at, mended_at from mirror_repairs
where (%s is null or owner = %s) order by found_at desc, id desc limit %s
"""


def repair(connection: Connection, comparison: Comparison) -> list[str]:
    """Stores what was observed and marks it; answers the paths. What has moved on meanwhile is left to later."""
    damage = sorted(comparison.damage, key=lambda one: (one.path != comparison.owner, one.path))
    for start in range(0, len(damage), STEP):
        part = damage[start : start + STEP]
        repaired = _repair_step(connection, comparison, part)
        comparison.repaired += repaired
        step("repair:marked")
        _tell(comparison.owner, [one for one in part if one.path in set(repaired)])
    return comparison.repaired


@retrying
def _repair_step(connection: Connection, comparison: Comparison, damage: Sequence[Damage]) -> list[str]:
    owner = comparison.owner
    with connection, connection.cursor() as cursor:
        cursor.execute(_LOCK_OWNER, (owner,))
        cursor.execute(_LOCK_STATE, (owner, [one.path for one in damage]))
        rows = [(*_observed(comparison, one), names_of(one.path)) for one in damage]
        observed = execute_values(cursor, _OBSERVE, rows, template=_TYPES, page_size=STEP, fetch=True)
        repaired = {path for (path,) in observed}
        if repaired:
            marks = sorted({one.mark for one in damage if one.path in repaired})
            cursor.execute(_MARK, ([owner] * len(marks), marks))
            _note(cursor, comparison, [one for one in damage if one.path in repaired])
        step("repair:observed")
    return sorted(repaired)


def _observed(comparison: Comparison, one: Damage) -> tuple[Any, ...]:
    known = (None, None) if one.known is None else (one.known.update_time, one.known.deleted)
    if one.found is None:
        version = Version(0, 0) if one.known is None else one.known.version
        return (comparison.owner, one.path, *known, comparison.since, True, None, *version)
    version = version_of(one.found) or Version(0, 0)
    moment = get_time(one.found.update_time)
    return (comparison.owner, one.path, *known, moment, False, digest(one.found, one.path), *version)


def _note(cursor: Cursor, comparison: Comparison, repaired: Sequence[Damage]) -> None:
    rows = []
    for one in repaired:
        _, _, known, _, moment, _, seen, *_ = _observed(comparison, one)
        version = (None if one.found is None else version_of(one.found)) or (None, None)
        rows.append((comparison.owner, one.path, one.kind, known, moment, seen, *version, one.mark))
    execute_values(cursor, _LOG, rows, template=_LOG_TYPES, page_size=STEP)


def _tell(owner: str, repaired: Sequence[Damage]) -> None:
    for one in repaired:
        REPAIRS.labels(one.kind).inc()
        log.get(__name__).warning("repaired", owner=owner, path=one.path, kind=one.kind)


# --- the record ---


def note_mended(connection: Connection, owner: str | None = None) -> int:
    """Notes which repairs the mirror has made since, with the time of its commit; answers how many. Twice is safe."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_MENDED, (owner, owner))
        return int(cursor.rowcount)


def forget_old(connection: Connection, now: Any, days: int) -> None:
    """Forgets repairs found longer ago than so many days, in steps."""
    gone = 1
    while gone:
        with connection, connection.cursor() as cursor:
            cursor.execute(_FORGET, (now - timedelta(days=days),))
            gone = cursor.rowcount


def recent_repairs(cursor: Cursor, owner: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest repairs, of one owner or of all."""
    cursor.execute(_RECENT, (owner, owner, limit))
    names = ("owner", "path", "kind", "observedUpdateTime", "foundAt", "mendedAt")
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

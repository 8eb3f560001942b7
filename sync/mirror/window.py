"""The window: which months are mirrored row by row. It moves owner by owner, in steps, while everything runs.

`mirror_window` says where it shall begin; each owner's counter row says where theirs begins now, and that alone is
what a projection reads, in its own snapshot: two mirrors never disagree about a month, and head and months tell what
is so. A step moves one owner by some months, the newest first when months enter, in a transaction of its own, whose
trigger marks what enters or leaves. It waits while the mirror is far behind. A crash leaves whole steps; whatever is
not at the goal is found by the next run, or by a second one beside it. Called by the scheduled job, `livespend mirror
window`, and migrate for the first row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from sync import log
from sync.db import lock_owners, retrying, transaction
from sync.deps import Deps
from sync.errors import DatabaseBusy
from sync.mirror.asked import is_shared
from sync.steps import step

_log = log.get(__name__)

STEP_ROWS = 2_000
_OWNERS_AT_ONCE = 20
_DIRTY_AT_MOST = 500
_RUN_SECONDS = 50.0
_LOCK_SECONDS = 2.0

_AIM = text("""
    update mirror_window set first_month = :first_month, started_at = :now, finished_at = null, moved = 0
    where first_month <> :first_month
""")
_SEED = text("insert into mirror_window (first_month) values (:first_month) on conflict (singleton) do nothing")
_ORDER = text("update mirror_window set months = :months")
_READ = text("select first_month from mirror_window")
_MONTHS = text("select months from mirror_window")
# One range of the index each, in place of one "is distinct from" that no index serves.
_NOT_THERE = tuple(
    text(
        f"select owner from owners where first_month {other} and owner <> all (:passed) "  # noqa: S608
        "order by first_month limit :limit"
    )
    for other in ("> :goal", "< :goal", "is null and cast(:goal as date) is not null")
)
_BEHIND = text("select count(*) from (select from owners where dirty limit :limit) as d")
_AT = text("select first_month from owners where owner = :owner")
_ROWS = text("""
    select month, count(*) from transactions
    where user_id = :user_id and removed_at is null and month >= :from_month and month < :to_month
    group by month
""")
_SHARED_ROWS = text("""
    select month, count(*) from shared_transactions
    where household_id = :user_id and month >= :from_month and month < :to_month
    group by month
""")
_MOVE = text("update owners set first_month = :first_month where owner = :owner")
_MOVED = text("update mirror_window set moved = moved + :moved")
_FINISHED = text("update mirror_window set finished_at = :now where started_at is not null and finished_at is null")
_PROGRESS = text("""
    select w.first_month, w.months, w.started_at, w.finished_at, w.moved, (select count(*) from owners),
        (select count(*) from owners as o where o.first_month = w.first_month),
        (select count(*) from owners where dirty)
    from mirror_window as w
""")

Told = Callable[[dict[str, Any]], None]


def first_month(today: date, months: int) -> date:
    """The first of `months` months, today's among them."""
    return _shifted(today.replace(day=1), 1 - months)


def seed_window(connection: Connection, today: date, months: int) -> None:
    """Makes the row if there is none; twice is safe."""
    connection.execute(_SEED, {"first_month": first_month(today, months)})


def read_window(connection: Connection) -> date | None:
    """Where every owner's window shall begin, None before the first migration seeded it."""
    return connection.execute(_READ).scalar_one_or_none()


def order_window(deps: Deps, months: int | None) -> None:
    """An operator's word, stronger than MIRROR_WINDOW_MONTHS until it is taken back with None. Twice is safe."""
    with transaction(deps.engine) as connection:
        connection.execute(_ORDER, {"months": months})


def move_window(
    deps: Deps,
    *,
    seconds: float = _RUN_SECONDS,
    told: Told = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Moves owners to where the clock and the months want the window, for so long; answers whether any moved.

    Ends early when the mirror is far behind, or when all are there: the next run goes on, and comes back to an owner
    whose rows were locked for too long.
    """
    goal, moved, until = _aim(deps), 0, time.monotonic() + seconds
    passed: set[str] = set()
    while goal is not None and time.monotonic() < until and not stop():
        owners = _next_owners(deps, goal, passed)
        if not owners and not passed:
            _end(deps, goal)
        if not owners or _is_behind(deps):
            break
        for owner in owners:
            try:
                while _step(deps, owner, goal):
                    moved += 1
                    step("window:step")
            except DatabaseBusy:
                passed.add(owner)
                _log.warning("window_passed_over", owner=owner)
        _count(deps, len(set(owners) - passed))
        told(read_progress(deps))
    return moved > 0


def read_progress(deps: Deps) -> dict[str, Any]:
    """How far a change of the window has come."""
    with transaction(deps.engine) as connection:
        row = connection.execute(_PROGRESS).one()
    goal, months, started, finished, moved, owners, there, dirty = row
    return {
        "firstMonth": goal.strftime("%Y-%m"), "orderedMonths": months, "startedAt": started, "finishedAt": finished,
        "moved": moved, "owners": owners, "left": owners - there, "dirtyOwners": dirty,
    }  # fmt: skip


def _aim(deps: Deps) -> date | None:
    with transaction(deps.engine) as connection:
        months = connection.execute(_MONTHS).scalar_one_or_none() or deps.settings.mirror_window_months
        wanted = first_month(deps.now().date(), months)
        if read_window(connection) != wanted:
            connection.execute(_AIM, {"first_month": wanted, "now": deps.now()})
        return read_window(connection)


def _next_owners(deps: Deps, goal: date, passed: set[str]) -> list[str]:
    bound = {"goal": goal, "passed": list(passed), "limit": _OWNERS_AT_ONCE}
    with transaction(deps.engine) as connection:
        for statement in _NOT_THERE:
            owners = list(connection.execute(statement, bound).scalars())
            if owners:
                return owners
    return []


def _is_behind(deps: Deps) -> bool:
    with transaction(deps.engine) as connection:
        return int(connection.execute(_BEHIND, {"limit": _DIRTY_AT_MOST}).scalar_one()) >= _DIRTY_AT_MOST


@retrying
def _step(deps: Deps, owner: str, goal: date) -> bool:
    """Moves one owner towards the goal, by as many months as make a small transaction; answers whether it moved."""
    with transaction(deps.engine, lock_seconds=_LOCK_SECONDS) as connection:
        lock_owners(connection, [owner])
        at: date | None = connection.execute(_AT, {"owner": owner}).scalar_one()
        if at == goal:
            return False
        connection.execute(_MOVE, {"owner": owner, "first_month": _next_month(connection, owner, at, goal)})
    return True


def _next_month(connection: Connection, owner: str, at: date | None, goal: date) -> date:
    entering = at is None or at > goal
    from_month, to_month = (goal, at or date.max) if entering else (at or goal, goal)
    bound = {"user_id": owner.partition("/")[2], "from_month": from_month, "to_month": to_month}
    rows_of = _SHARED_ROWS if is_shared(owner) else _ROWS
    months = sorted(((month, rows) for month, rows in connection.execute(rows_of, bound)), reverse=entering)
    reached = _fitting(months)
    if len(reached) == len(months):
        return goal
    return reached[-1] if entering else _shifted(reached[-1], 1)


def _fitting(months: Iterable[tuple[date, int]]) -> list[date]:
    """As many months as fit into one step, at least one."""
    fitting: list[date] = []
    rows = 0
    for month, count in months:
        rows += count
        if fitting and rows > STEP_ROWS:
            break
        fitting.append(month)
    return fitting


def _count(deps: Deps, moved: int) -> None:
    with transaction(deps.engine) as connection:
        connection.execute(_MOVED, {"moved": moved})


def _end(deps: Deps, goal: date) -> None:
    now: datetime = deps.now()
    with transaction(deps.engine) as connection:
        if read_window(connection) == goal:
            connection.execute(_FINISHED, {"now": now})


def _shifted(month: date, by: int) -> date:
    count = month.year * 12 + month.month - 1 + by
    return date(count // 12, count % 12 + 1, 1)

"""The cost meter: what each commit cost is added up per user, day and kind, in the transaction that acknowledges it.

A commit is counted once, however often its acknowledgement is written: only owners whose mirror state moved forward
are. Days are UTC's. Above a cap (of one user and day, or of all and day) commits are paced slower: nothing is lost,
changes are coalesced until the owner's turn, and midnight lifts it. What a mirror knows of caps is memory only: after a
start each owner has one commit at the normal pace before its sum is looked at. Called by the mirror.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal

from sync.mirror.changes import Acknowledgement, Cursor
from sync.mirror.cost import Cost, costs_of, prices_of, read_indexes
from sync.mirror.prepared import Statement
from sync.settings import Settings

_ADD = Statement("""
insert into mirror_costs as c (owner, day, kind, changes, writes, deletes, bytes, index_entries, listened)
select owner, (now() at time zone 'utc')::date, kind, changes, writes, deletes, bytes, index_entries, listened
from unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
    as v (owner, kind, changes, writes, deletes, bytes, index_entries, listened)
order by owner, kind
on conflict (owner, day, kind) do update set
    changes = c.changes + excluded.changes, writes = c.writes + excluded.writes,
    deletes = c.deletes + excluded.deletes, bytes = c.bytes + excluded.bytes,
    index_entries = c.index_entries + excluded.index_entries, listened = c.listened + excluded.listened
""", "text[]", "text[]", *["bigint[]"] * 6)  # fmt: skip
_SUMS = """
select owner, day, sum(writes)::bigint, sum(deletes)::bigint, sum(listened)::bigint from mirror_costs
where day = (now() at time zone 'utc')::date and owner = any (%s) group by owner, day
"""
_SUM = """
select day, sum(writes)::bigint, sum(deletes)::bigint, sum(listened)::bigint from mirror_costs
where day = (now() at time zone 'utc')::date group by day
"""
_LOOK_EVERY_SECONDS = 10.0
_REMEMBERED = 50_000


class Meter:
    """The meter of one mirror: `record` in its acknowledging thread, `wait` in the one that begins commits."""

    def __init__(self, settings: Settings) -> None:
        self._indexes = read_indexes(settings.firestore_indexes_file)
        self._prices = prices_of(settings)
        self._user_cap, self._total_cap = settings.cost_cap_user_day, settings.cost_cap_total_day
        self._interval = settings.cost_cap_interval_seconds
        self._lock = threading.Lock()
        self._over: dict[str, date] = {}
        self._all_over: date | None = None
        self._written: dict[str, float] = {}
        self._next_look = 0.0

    def record(self, cursor: Cursor, done: Sequence[Acknowledgement], moved: Collection[str]) -> None:
        """Adds what these commits cost, of the owners whose state moved; inside the acknowledging transaction."""
        rows: dict[tuple[str, str], Cost] = {}
        for settled in done:
            if settled.owner in moved:
                for kind, cost in costs_of(settled, self._indexes).items():
                    _add(rows.setdefault((settled.owner, kind), Cost()), cost)
        if not rows:
            return
        columns = zip(*((*key, *_columns(cost)) for key, cost in rows.items()), strict=True)
        _ADD.run(cursor, *(list(column) for column in columns))
        if self._user_cap or self._total_cap:
            self._look(cursor, {owner for owner, _ in rows})

    def wait(self, owner: str, now: float, today: date) -> float:
        """Seconds until an owner above a cap may be written again; 0 below."""
        with self._lock:
            if self._all_over != today and self._over.get(owner) != today:
                return 0.0
            return max(0.0, self._written.get(owner, -self._interval) + self._interval - now)

    def _look(self, cursor: Cursor, owners: set[str]) -> None:
        over = self._users_over(cursor, owners) if self._user_cap else {}
        total, now = self._total_over(cursor), time.monotonic()
        with self._lock:
            self._over = {**self._over, **over} if len(self._over) < _REMEMBERED else over
            self._all_over = total
            if total is not None or over:
                if len(self._written) > _REMEMBERED:
                    self._written = {o: at for o, at in self._written.items() if at + self._interval > now}
                self._written.update((owner, now) for owner in (owners if total is not None else over))

    def _users_over(self, cursor: Cursor, owners: set[str]) -> dict[str, date]:
        cursor.execute(_SUMS, (sorted(owners),))
        return {owner: day for owner, day, *sums in cursor.fetchall() if self._is_over(self._user_cap, sums)}

    def _total_over(self, cursor: Cursor) -> date | None:
        """Summed now and then only: it reads the whole day."""
        if not self._total_cap or (now := time.monotonic()) < self._next_look:
            return self._all_over
        self._next_look = now + _LOOK_EVERY_SECONDS
        cursor.execute(_SUM)
        day, *sums = cursor.fetchone() or (None, 0, 0, 0)
        return day if self._is_over(self._total_cap, sums) else None

    def _is_over(self, cap: Decimal, sums: Sequence[int]) -> bool:
        return self._prices.of(*sums) > cap


def _add(to: Cost, cost: Cost) -> None:
    to.changes += cost.changes
    to.writes += cost.writes
    to.deletes += cost.deletes
    to.bytes += cost.bytes
    to.index_entries += cost.index_entries
    to.listened += cost.listened


def _columns(cost: Cost) -> tuple[int, ...]:
    return cost.changes, cost.writes, cost.deletes, cost.bytes, cost.index_entries, cost.listened

"""The cheap look at an owner: how many documents there are, per collection and then per month of transactions.

Counting costs a read per thousand documents; it finds what is missing or too much unless the two make up for each
other, and nothing that was edited: Firestore keeps no digest, and what could be summed is not indexed. What counts
differently is read and compared document by document. Called by audit.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sync.audit.reconcile import HEAD, Scope, list_collections
from sync.mirror.changes import Cursor
from sync.mirror.firestore import Firestore, ReadTally

# From so many transactions on the months are counted before any is read.
BY_MONTH_FROM = 1_000
_MORE = 1_000

_KNOWN = """
select split_part(path, '/', 3), count(*) from mirror_state
where owner = %s and not deleted and path <> owner group by 1
"""
_BUSY = """
select exists (select from changes where owner = %s)
    or exists (select from mirror_state where owner = %s and update_time > %s)
"""
_MONTHS = """
select to_char(t.month, 'YYYY-MM'), count(*)
from transactions as t
join entries as e on e.id = t.entry_id and e.removed_at is null
join owners as o on o.owner = 'users/' || t.user_id and t.month >= o.first_month
where t.user_id = %s and t.removed_at is null group by 1
"""


class Counted(NamedTuple):
    """What has to be read: the head in any case; `busy` if the mirror was at it, so that counts prove nothing."""

    scope: Scope
    busy: bool


def known_counts(cursor: Cursor, owner: str) -> dict[str, int]:
    """How many documents mirror state says there are, per collection."""
    cursor.execute(_KNOWN, (owner,))
    return dict(cursor.fetchall())


def count_owner(firestore: Firestore, cursor: Cursor, owner: str, tally: ReadTally) -> Counted:
    """Compares counts. The cursor's connection is in autocommit: what is known is read after what is there."""
    since = _clock(firestore, tally)
    expected = known_counts(cursor, owner)
    names = set(list_collections(firestore, owner, tally)) | expected.keys()
    found = {name: firestore.count(owner, name, tally, at_most=expected.get(name, 0) + _MORE) for name in sorted(names)}
    if _is_busy(cursor, owner, since):
        return Counted(Scope(HEAD), busy=True)
    expected = known_counts(cursor, owner)
    wrong = {name for name in names if found[name] != expected.get(name, 0)}
    months: frozenset[str] = frozenset()
    if "transactions" in wrong and max(found["transactions"], expected.get("transactions", 0)) > BY_MONTH_FROM:
        months = _wrong_months(firestore, cursor, owner, found["transactions"], tally)
    if months:
        wrong.discard("transactions")
    return Counted(Scope(HEAD | wrong, months), busy=False)


def _clock(firestore: Firestore, tally: ReadTally) -> datetime:
    tally.take(1)
    return firestore.clock()


def _is_busy(cursor: Cursor, owner: str, since: datetime) -> bool:
    cursor.execute(_BUSY, (owner, owner, since))
    return bool((cursor.fetchone() or (True,))[0])


def _wrong_months(firestore: Firestore, cursor: Cursor, owner: str, total: int, tally: ReadTally) -> frozenset[str]:
    """The months that count differently; none if what is wrong lies outside of every month."""
    cursor.execute(_MONTHS, (owner.removeprefix("users/"),))
    expected = dict(cursor.fetchall())
    found = {
        month: firestore.count(owner, "transactions", tally, at_most=count + _MORE, month=month)
        for month, count in sorted(expected.items())
    }
    if sum(found.values()) != total:
        return frozenset()
    return frozenset(month for month in expected if found[month] != expected[month])

"""What open pages tell: which versions they showed and when, and what they found to differ from its receipt.

Both are about the caller's own documents, or those of a household that the caller is in, and bounded: a version counts
if it really was committed, once per screen and for twenty screens; repairs are twenty an hour per user or household.
The database decides that, in functions that the API's role may call. Times come as ages, so that no screen's clock
matters. Called by the API.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text

from sync import metrics
from sync.db import retrying, transaction
from sync.deps import Deps
from sync.errors import HouseholdNotFound, TooManyRepairs
from sync.tracing import record

REPAIRS_AN_HOUR = 20

_ACKNOWLEDGE = text("""
    select * from acknowledge_versions(:screen, cast(:epochs as int[]), cast(:numbers as bigint[]),
        cast(:received as timestamptz[]), cast(:rendered as timestamptz[]), :household)
""")
_REPAIR = text("select request_repair(:month, cast(:days as date[]), cast(:shown as uuid[]), :most, :household)")
_NO_MEMBER = -1


class Shown(NamedTuple):
    """A version on a screen: how many milliseconds before the telling it was received, and drawn."""

    epoch: int
    number: int
    received_ms_ago: float
    rendered_ms_ago: float


def acknowledge(
    deps: Deps,
    user_id: str,
    screen: str,
    round_trip_ms: float,
    versions: Sequence[Shown],
    *,
    household_id: str | None = None,
) -> int:
    """Notes what a screen showed; answers how many versions were news. Twice is safe: the first telling counts.

    With a household the versions are of its documents; for whoever is not in it none is news.
    """
    told = deps.now() - timedelta(milliseconds=round_trip_ms / 2)
    bound: dict[str, Any] = {
        "screen": screen,
        "household": household_id,
        "epochs": [one.epoch for one in versions],
        "numbers": [one.number for one in versions],
        "received": [told - timedelta(milliseconds=one.received_ms_ago) for one in versions],
        "rendered": [told - timedelta(milliseconds=one.rendered_ms_ago) for one in versions],
    }
    with transaction(deps.engine, user_id) as connection:
        noted = connection.execute(_ACKNOWLEDGE, bound).all()
    for one in noted:
        _measure(one)
    return len(noted)


def _measure(one: Row[Any]) -> None:
    metrics.hop("commit_to_screen", one.committed_at, one.received_at)
    metrics.hop("screen_to_rendered", one.received_at, one.rendered_at)
    metrics.hop("whole", one.began_at, one.rendered_at)
    record("to the screen", one.trace_id, one.committed_at, one.received_at)
    record("render", one.trace_id, one.received_at, one.rendered_at)


@retrying
def request_repair(
    deps: Deps,
    user_id: str,
    month: date,
    days: Sequence[date],
    shown: Sequence[UUID],
    *,
    household_id: str | None = None,
) -> int:
    """Has days of a month mirrored anew, and their owner audited soon; answers how many documents were marked.

    They are the user's, or with a household the household's. `shown` are the entries that the page shows on these days.
    Raises TooManyRepairs beyond twenty in an hour, and HouseholdNotFound for whoever is not in the household.
    """
    bound = {
        "month": month.replace(day=1),
        "days": list(days),
        "shown": list(shown),
        "most": REPAIRS_AN_HOUR,
        "household": household_id,
    }
    with transaction(deps.engine, user_id) as connection:
        marked = connection.execute(_REPAIR, bound).scalar_one()
    if marked is None:
        raise TooManyRepairs
    if marked == _NO_MEMBER:
        raise HouseholdNotFound
    return int(marked)

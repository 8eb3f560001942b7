"""What a target that was away has missed: the exact difference between then and now.

Exact means: documents that came, changed or left, and nothing else. A client that has lost some of what it was shown
still misses them; who says how many it holds is told how many there are (an existence filter), and finds that out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from local.firestore.query.plan import Plan
from local.firestore.query.run import run
from local.firestore.storage.history import Past
from local.firestore.storage.records import Record
from local.firestore.storage.store import Reader

if TYPE_CHECKING:
    from local.firestore.database import Database


def difference(database: Database, plan: Plan | None, paths: Iterable[str], seen: int) -> dict[str, bool] | None:
    """Documents that are new or changed (True) or gone (False) since a time, or None when it is too far back."""
    states = database.history.states_at(seen)
    if states is None:
        return None
    if not states:
        return {}
    then = _members(plan, paths, Past(database.store, states))
    now = _members(plan, paths, database.store)
    effect = {path: False for path in then if path not in now}
    effect.update((path, True) for path, record in now.items() if then.get(path) is not record)
    return effect


def _members(plan: Plan | None, paths: Iterable[str], reader: Reader) -> dict[str, Record]:
    if plan is not None:
        return {found.record.path: found.record for found in run(plan, reader).found}
    records = {path: reader.get(path) for path in paths}
    return {path: record for path, record in records.items() if record is not None}

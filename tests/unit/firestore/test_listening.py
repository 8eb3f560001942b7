"""Random histories: a view kept change by change equals a fresh query, and a resumed target misses nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from local.firestore.database import Database
from local.firestore.listen.resume import difference
from local.firestore.listen.view import Delta
from local.firestore.query.plan import Plan
from local.firestore.query.run import run
from tests.unit.firestore.world import new_database, plan_of, put, remove

_FIELD = {"field": {"fieldPath": "n"}}
_PLANS = [
    {},
    {"limit": 3},
    {"offset": 1, "limit": 2},
    {"orderBy": [{**_FIELD, "direction": "DESCENDING"}], "limit": 2},
    {"orderBy": [_FIELD], "startAt": {"values": [{"integerValue": "2"}], "before": False}},
    {"where": {"fieldFilter": {**_FIELD, "op": "GREATER_THAN", "value": {"integerValue": "1"}}}},
    {"where": {"fieldFilter": {**_FIELD, "op": "NOT_EQUAL", "value": {"integerValue": "2"}}}, "limit": 3},
]
_ids = st.sampled_from(["a", "b", "c", "d", "e", "f"])
_values = st.one_of(st.integers(0, 4), st.none(), st.sampled_from(["text", 2.5, True]))
_writes = st.one_of(
    st.tuples(_ids, _values).map(lambda pair: put(f"c/{pair[0]}", n=pair[1])),
    _ids.map(lambda name: put(f"c/{name}", other=1)),
    _ids.map(lambda name: remove(f"c/{name}")),
    _ids.map(lambda name: put(f"elsewhere/{name}", n=1)),
)
_histories = st.lists(st.lists(_writes, min_size=1, max_size=4), max_size=8)


class Screen:
    """A stream that keeps what a client would show."""

    def __init__(self, paths: Any) -> None:
        self.shown = set(paths)
        self.pending: dict[str, bool] = {}

    def absorb(self, _target: int, effect: dict[str, bool]) -> None:
        self.pending.update(effect)

    def flush(self, _deltas: dict[str, Delta], _time: int) -> None:
        self.shown = apply(self.shown, self.pending)
        self.pending = {}

    def recheck(self, target_id: int) -> None:
        raise AssertionError(target_id)


def apply(shown: set[str], effect: dict[str, bool]) -> set[str]:
    """The documents shown after an effect, which must not take away what is not shown."""
    gone = {path for path, here in effect.items() if not here}
    assert gone <= shown
    return (shown - gone) | (effect.keys() - gone)


def result(plan: Plan, database: Database) -> set[str]:
    return {found.record.path for found in run(plan, database.store).found}


@settings(max_examples=150, deadline=None)
@given(before=_histories, after=_histories, query=st.sampled_from(_PLANS))
def test_a_view_equals_a_fresh_query_after_any_history(before: Any, after: Any, query: dict[str, Any]) -> None:
    database, plan = new_database(), plan_of("c", **query)
    for writes in before:
        database.commit(writes)
    screen = Screen(result(plan, database))
    database.index.follow_query("key", plan, (screen, 1))
    for writes in after:
        database.commit(writes)
        assert screen.shown == result(plan, database)


@settings(max_examples=150, deadline=None)
@given(before=_histories, after=_histories, query=st.sampled_from(_PLANS))
def test_the_difference_leads_from_any_earlier_state_to_the_present(
    before: Any, after: Any, query: dict[str, Any]
) -> None:
    database, plan = new_database(), plan_of("c", **query)
    for writes in before:
        database.commit(writes)
    seen, shown = database.clock.read_time(), result(plan, database)
    versions = {path: database.store.get(path) for path in shown}
    for writes in after:
        database.commit(writes)
    effect = difference(database, plan, (), seen)
    assert effect is not None
    assert apply(shown, effect) == result(plan, database)
    untouched = result(plan, database) - effect.keys()
    assert all(database.store.get(path) is versions[path] for path in untouched)


@settings(max_examples=100, deadline=None)
@given(history=_histories)
def test_the_past_reads_as_it_was(history: Any) -> None:
    database, plan = new_database(), plan_of("c")
    seen = []
    for writes in history:
        database.commit(writes)
        content = {found.record.path: found.record.data for found in run(plan, database.store).found}
        seen.append((database.clock.read_time(), content))
    for time, content in seen:
        found = run(plan, database.reader(time)).found
        assert {one.record.path: one.record.data for one in found} == content


def test_a_commit_elsewhere_costs_a_listener_nothing() -> None:
    database = new_database()
    screens = [Screen(()) for _ in range(50)]
    for number, screen in enumerate(screens):
        followed = database.index.follow_query(number, plan_of(f"c{number}"), (screen, 1))
        followed.view.absorb = _must_not_be_called  # type: ignore[method-assign]
    database.commit([put("elsewhere/a", n=1)])
    assert not any(screen.shown for screen in screens)


def test_a_view_is_shared_and_dropped_with_its_last_target() -> None:
    database, plan = new_database(), plan_of("c")
    first, second = Screen(()), Screen(())
    one = database.index.follow_query("key", plan, (first, 1))
    two = database.index.follow_query("key", plan, (second, 1))
    assert one is two
    database.index.leave(one, (first, 1))
    database.commit([put("c/a", n=1)])
    assert (first.shown, second.shown) == (set(), {"c/a"})
    database.index.leave(two, (second, 1))
    assert not database.index._views
    assert not database.index._by_collection


def _must_not_be_called(_deltas: Any) -> dict[str, bool]:
    raise AssertionError("looked at a change in another collection")

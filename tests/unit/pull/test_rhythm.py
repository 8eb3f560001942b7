"""The rhythm of one bank, on a clock of the test's own: when to look, and what its user is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.pull.rhythm import Freshness, Told, after_answer, after_pull, look_after, quiet_after

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PROMISE = 12 * HOUR
ITEM = UUID(int=0)  # the one of which no share is taken off


def changed(known: Freshness, at: datetime) -> Freshness:
    """A pull that a webhook asked for, and that brought something."""
    return after_pull(known, ITEM, at, PROMISE, changed=True, webhook_at=at)


def looked(known: Freshness, at: datetime) -> Freshness:
    """A look that found nothing."""
    return after_pull(known, ITEM, at, PROMISE, changed=False, webhook_at=None)


def after_changes(*gaps: timedelta) -> Freshness:
    """What is known at NOON, after changes with these gaps between them."""
    at, known = NOON - sum(gaps, timedelta()), Freshness()
    known = changed(known, at)
    for gap in gaps:
        at += gap
        known = changed(known, at)
    return known


def test_a_bank_of_which_little_is_known_is_taken_for_a_daily_one() -> None:
    known = after_changes(3 * HOUR, 3 * HOUR)

    assert quiet_after(known) == 1.25 * DAY
    assert look_after(known, ITEM, PROMISE) == 9 * HOUR


def test_a_look_comes_when_the_next_change_is_a_quarter_of_its_gap_late() -> None:
    known = after_changes(*[4 * HOUR] * 8)

    assert known.look_at == NOON + 5 * HOUR


def test_each_empty_look_doubles_the_wait_up_to_three_quarters_of_the_promise() -> None:
    known, waits = after_changes(*[2 * HOUR] * 8), []
    for _ in range(5):
        assert known.look_at is not None
        known, at = looked(known, known.look_at), known.look_at
        assert known.look_at is not None
        waits.append(known.look_at - at)

    assert waits == [5 * HOUR, 9 * HOUR, 9 * HOUR, 9 * HOUR, 9 * HOUR]
    assert changed(known, at + HOUR).look_at == at + HOUR + 2.5 * HOUR


@given(
    item=st.uuids(),
    gaps=st.lists(st.integers(1, 40 * 86400), max_size=20),
    empty=st.integers(0, 50),
    hours=st.integers(1, 168),
)
def test_no_item_ever_waits_longer_than_three_quarters_of_the_promise(
    item: UUID, gaps: list[int], empty: int, hours: int
) -> None:
    wait = look_after(Freshness(gaps=tuple(gaps), empty_looks=empty), item, hours * HOUR)

    assert timedelta() < wait <= 0.75 * hours * HOUR
    assert wait >= min(HOUR, 0.75 * hours * HOUR) * 0.85


def test_items_pulled_together_do_not_stay_together() -> None:
    waits = [look_after(Freshness(), UUID(int=n * 7919), PROMISE) for n in range(1000)]

    assert max(waits) - min(waits) > HOUR
    assert max(sum(low <= wait < low + timedelta(minutes=5) for wait in waits) for low in waits) < 100
    assert [look_after(Freshness(), UUID(int=n * 7919), PROMISE) for n in range(1000)] == waits


def test_changes_within_an_hour_are_one() -> None:
    known = after_changes(*[6 * HOUR] * 4)
    again = changed(known, NOON + timedelta(minutes=40))

    assert again.gaps == known.gaps
    assert (again.changed_at, again.bank_updated_at) == (NOON, NOON)


def test_a_silent_weekend_is_usual_for_a_bank_that_has_one_every_week() -> None:
    known = after_changes(*[DAY, DAY, DAY, DAY, 3 * DAY] * 4)

    assert known.state == "ok"
    assert known.quiet_at == NOON + 3.75 * DAY


def test_one_outage_of_two_weeks_moves_nothing() -> None:
    steady = after_changes(*[12 * HOUR] * 20)
    once = after_changes(*[12 * HOUR] * 10, 14 * DAY, *[12 * HOUR] * 9)

    assert (once.quiet_at, once.look_at) == (steady.quiet_at, steady.look_at)


def test_a_new_rhythm_has_taken_over_after_twenty_changes() -> None:
    known = after_changes(*[3 * DAY] * 20, *[6 * HOUR] * 20)

    assert known.look_at == NOON + 7.5 * HOUR
    assert len(known.gaps) == 20


def test_a_bank_that_was_reached_and_has_nothing_new_for_longer_than_usual_is_quiet() -> None:
    known = after_changes(*[DAY] * 6)
    known = looked(known, NOON + 30 * HOUR)
    known = after_answer(known, NOON + 30 * HOUR, PROMISE, Told(NOON + 25 * HOUR, None, None, None))

    assert known.state == "quiet"
    assert (known.changed_at, known.bank_updated_at) == (NOON, NOON + 25 * HOUR)
    assert changed(known, NOON + 31 * HOUR).state == "ok"


def test_a_bank_that_plaid_cannot_reach_is_stale_once_the_promised_time_is_over() -> None:
    known = after_changes(*[DAY] * 6)
    down = Told(NOON, NOON + 8 * HOUR, None, None)
    early = after_answer(known, NOON + 9 * HOUR, PROMISE, down)
    late = after_answer(looked(early, NOON + 18 * HOUR), NOON + 18 * HOUR, PROMISE, down)

    assert (early.state, early.turn_at()) == ("ok", NOON + PROMISE)
    assert late.state == "stale"
    mended = changed(late, NOON + 20 * HOUR)
    assert (mended.state, mended.bank_failed_at) == ("ok", None)


def test_a_bank_that_nobody_tried_for_a_day_and_the_promise_is_stale_too() -> None:
    known = looked(after_changes(*[DAY] * 6), NOON + 40 * HOUR)

    assert after_answer(known, NOON + 40 * HOUR, PROMISE, Told(NOON + HOUR, None, None, None)).state == "stale"
    assert after_answer(known, NOON + 40 * HOUR, PROMISE, Told(NOON + 5 * HOUR, None, None, None)).state == "quiet"


def test_an_item_that_cannot_be_pulled_turns_stale_by_itself() -> None:
    known = after_changes(*[6 * HOUR] * 6)

    assert known.turn_at() == NOON + PROMISE


def test_only_a_look_that_was_due_and_found_nothing_asks_about_the_bank() -> None:
    known = after_changes(*[4 * HOUR] * 8)

    assert looked(known, NOON + HOUR).ask_at is None  # somebody else wanted it
    assert looked(known, NOON + HOUR).empty_looks == 0
    assert after_pull(known, ITEM, NOON + 6 * HOUR, PROMISE, changed=True, webhook_at=None).ask_at is None
    assert looked(known, NOON + 6 * HOUR).ask_at == NOON + 6 * HOUR


def test_a_webhook_without_changes_says_that_the_bank_was_reached() -> None:
    known = after_changes(*[4 * HOUR] * 8)
    known = after_pull(known, ITEM, NOON + 6 * HOUR, PROMISE, changed=False, webhook_at=NOON + 6 * HOUR)

    assert (known.bank_updated_at, known.changed_at, known.ask_at) == (NOON + 6 * HOUR, NOON, None)


@pytest.mark.parametrize(
    ("told", "news"),
    [
        (Told(NOON - HOUR, None, NOON - HOUR, None), False),
        (Told(NOON + HOUR, None, None, None), True),
        (Told(None, None, NOON + HOUR, None), True),
        (Told(None, None, None, "ITEM_LOGIN_REQUIRED"), True),
        (Told(None, None, None, None), False),
    ],
)
def test_what_no_pull_has_seen_is_news(told: Told, news: bool) -> None:
    assert told.is_news(after_changes(DAY)) is news


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans(), st.booleans()), max_size=60))
def test_whatever_happens_there_is_a_next_look_within_the_promise(steps: list[tuple[float, bool, bool]]) -> None:
    known, at = Freshness(), NOON
    for hours, brings, told in steps:
        at += hours * HOUR
        known = after_pull(known, ITEM, at, PROMISE, changed=brings, webhook_at=at if told else None)
        if known.ask_at is not None:
            known = after_answer(known, at, PROMISE, Told(at - HOUR, None, None, None))

        assert known.look_at is not None
        assert at < known.look_at <= at + 0.75 * PROMISE
        assert known.state == "stale" or known.turn_at() is not None
        assert known.state != "stale"
        assert len(known.gaps) <= 20

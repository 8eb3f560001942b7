"""How fast the mirror may go, over a clock that the test holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sync.mirror.pacing import Breaker, Lanes, Pace, Ramp, backoff
from sync.mirror.rota import Rota

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MONTH = "users/u/months/2026-11"


def test_the_first_write_of_an_aggregate_is_not_delayed():
    assert Pace(1.0).wait(MONTH, None, 100.0, NOW) == 0


def test_the_next_write_waits_for_the_rest_of_the_interval():
    pace = Pace(1.0)
    pace.wrote([MONTH], 100.0)

    assert pace.wait(MONTH, None, 100.25, NOW) == 0.75
    assert pace.wait(MONTH, None, 101.5, NOW) == 0


def test_another_mirrors_write_counts_by_its_update_time():
    pace = Pace(1.0)

    assert pace.wait(MONTH, NOW - timedelta(seconds=0.4), 100.0, NOW) == 0.6
    assert pace.wait(MONTH, NOW + timedelta(hours=1), 100.0, NOW) == 0  # a clock ahead of ours holds nothing up


def test_an_interval_of_nothing_paces_nothing():
    pace = Pace(0.0)
    pace.wrote([MONTH], 100.0)

    assert pace.wait(MONTH, NOW, 100.0, NOW) == 0


def test_the_breaker_opens_after_failures_in_a_row_and_closes_at_the_first_answer():
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(100.0)
    assert breaker.allows(100.0)

    breaker.failed(100.0)
    assert not breaker.allows(100.0)
    assert breaker.allows(breaker.retry_at())

    breaker.succeeded()
    assert breaker.allows(100.0)


def test_a_quota_refusal_halves_the_lanes_and_successes_widen_them_again():
    lanes = Lanes(8)
    lanes.exhausted()
    assert lanes.width == 4

    for _ in range(80):
        lanes.succeeded()

    assert lanes.width == 8


def test_backoff_grows_to_its_limit_and_never_beyond():
    assert max(backoff(failures) for failures in range(500)) <= 30.0


def test_a_postponed_owner_waits_whatever_rings():
    rota = Rota()
    rota.postpone("users/u", 105.0)
    rota.add("users/u")
    assert rota.pick(10) == []

    rota.wake(105.0)

    assert rota.pick(10) == ["users/u"]


def test_an_owner_under_way_is_not_taken_twice():
    rota = Rota()
    rota.send("users/u")
    rota.add("users/u")
    rota.close("users/v")
    rota.add("users/v")

    assert rota.pick(10) == []


def test_a_bell_that_rings_while_an_owner_is_being_acknowledged_is_remembered():
    """It may have rung after the flag was cleared: then nothing else would ever tell of the owner."""
    rota = Rota()
    rota.close("users/u")
    rota.add("users/u")

    assert rota.closed("users/u")
    assert not rota.closed("users/u")
    assert rota.idle


def test_the_ramp_lets_500_a_second_go_and_half_as_many_again_every_five_minutes():
    ramp = Ramp(on=True)
    now = 1000.0
    for _ in range(20):
        now = max(now, ramp.free_at())
        ramp.sent(500, now)

    assert ramp.free_at() - 1000.0 == 20.0
    assert ramp.rate(1000.0 + 299) == 500
    assert ramp.rate(1000.0 + 300) == 750
    assert ramp.rate(1000.0 + 3600) > 60_000


def test_a_commit_larger_than_the_ramp_is_paid_for_by_the_next_ones_wait():
    ramp = Ramp(on=True)
    ramp.sent(5000, 1000.0)

    assert ramp.free_at() == 1010.0
    assert ramp.room(1000.0, 5000) == 500


def test_without_the_ramp_nothing_waits():
    ramp = Ramp(on=False)
    ramp.sent(5000, 1000.0)

    assert ramp.free_at() == 0.0
    assert ramp.room(1000.0, 5000) == 5000

"""The pace for Plaid, on a clock of the test's own: never more calls in a minute than are published."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import PlaidPaced
from sync.pull.limits import LIMITS, Limit, Limits, Rings, limits_of
from sync.pull.plaid import Plaid

GAPS = st.lists(st.floats(min_value=0, max_value=40), min_size=1, max_size=120)


def most_in_a_minute(times: list[float]) -> int:
    """The most calls that any 60 seconds saw."""
    return max((i + 1 - bisect_left(times, at - 60.0) for i, at in enumerate(times)), default=0)


@given(gaps=GAPS, items=st.lists(st.integers(0, 3), min_size=1, max_size=120))
def test_no_minute_ever_sees_more_calls_than_its_limits(gaps: list[float], items: list[int]) -> None:
    rings, now = Rings(), 0.0
    taken: dict[str, list[float]] = {"client": []}
    for gap, item in zip(gaps, items * 120, strict=False):
        now += gap
        if rings.take([("client", 7), (f"item {item}", 3)], now) == 0:
            taken["client"].append(now)
            taken.setdefault(f"item {item}", []).append(now)

    assert most_in_a_minute(taken.pop("client")) <= 7
    assert all(most_in_a_minute(times) <= 3 for times in taken.values())


@given(gaps=GAPS)
def test_whoever_waits_as_long_as_told_has_the_next_call_and_no_sooner(gaps: list[float]) -> None:
    rings, now = Rings(), 0.0
    for gap in gaps:
        now += gap
        wait = rings.take([("client", 3)], now)
        if wait > 0:
            assert rings.take([("client", 3)], now + wait * 0.99) > 0
            now += wait + 1e-6
            assert rings.take([("client", 3)], now) == 0


def test_the_whole_limit_may_be_used_at_once_and_again_every_window() -> None:
    rings = Rings()

    for start in (0.0, 61.0, 122.0):
        assert [rings.take([("client", 50)], start) for _ in range(50)] == [0.0] * 50
        assert rings.take([("client", 50)], start) == 61.0


def test_a_call_that_one_bucket_refuses_costs_the_other_nothing() -> None:
    rings = Rings()
    rings.take([("item", 1)], 0.0)

    assert rings.take([("client", 1), ("item", 1)], 1.0) == 60.0
    assert rings.take([("client", 1)], 1.0) == 0.0


@pytest.mark.parametrize(
    ("url", "table", "expected"),
    [
        ("https://production.plaid.com", "", "production"),
        ("https://sandbox.plaid.com", "", "sandbox"),
        ("http://127.0.0.1:5010", "", "production"),
        ("https://sandbox.plaid.com.example.org", "", "production"),
        ("https://sandbox.plaid.com", "production", "production"),
        ("https://production.plaid.com", "none", "none"),
    ],
)
def test_the_host_decides_the_limits_unless_a_setting_does(url: str, table: str, expected: str) -> None:
    assert limits_of(url, table) is LIMITS[expected]


def test_every_limited_endpoint_is_one_of_the_clients() -> None:
    from plaid.api.plaid_api import PlaidApi

    assert [name for table in LIMITS.values() for name in table if not callable(getattr(PlaidApi, name, None))] == []


def test_a_request_without_a_call_left_is_not_sent() -> None:
    limits = Limits({"item_get": Limit(1, 10)}, clock=lambda: 100.0)
    plaid = Plaid(url="http://127.0.0.1:9", client_id="client", secret="secret", limits=limits)
    limits.take("item_get", "access-a")

    with pytest.raises(PlaidPaced) as paced:
        plaid.item_get("access-a")

    assert paced.value.seconds == 61.0
    assert "access-a" not in str(paced.value)


def test_what_has_no_published_limit_is_always_free() -> None:
    limits = Limits(LIMITS["production"], clock=lambda: 0.0)

    assert {limits.take("link_token_create", None) for _ in range(10_000)} == {0.0}

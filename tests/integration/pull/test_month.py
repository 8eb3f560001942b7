"""A month of which a third of the webhooks is lost: nothing is older than the promise, nothing asked too often."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter

import pytest

from bench.month import HOUR, Month, live_through, make_banks
from sync.pull.limits import LIMITS
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor

pytestmark = pytest.mark.timeout(600)  # a month takes half a minute, and several on a busy machine

DAYS = 30
SEED = int(os.environ.get("LIVESPEND_SEED", "20261201"))


@pytest.fixture
def month(deps_for: DepsFor, database: Database) -> Month:
    """A bank of each rhythm for a month, swept every other hour, with 30 % of all webhooks lost."""
    print(f"LIVESPEND_SEED={SEED}")
    lived = Month(make_banks(7, DAYS, SEED))
    settings = dataclasses.replace(deps_for.settings, plaid_limits="production")
    deps = dataclasses.replace(deps_for("worker"), settings=settings)
    live_through(lived, deps, database.sql, days=DAYS, drop=0.3, seed=SEED, every=2 * HOUR)
    return lived


def test_with_a_third_of_the_webhooks_lost_no_item_is_ever_older_than_its_promise(
    month: Month, database: Database, deps_for: DepsFor
) -> None:
    changes, lost = sum(len(bank.changes) for bank in month.banks), len(month.lost)
    calls = Counter(endpoint for (endpoint, _), times in month.calls.items() for _ in times)
    print(f"{changes} changes, {lost} webhooks lost, {dict(calls)} calls, the latest {max(month.late)} late")

    assert lost > 0.2 * changes
    assert (
        len(month.late) == changes == database.sql("select count(*) from transactions where removed_at is null")[0][0]
    )
    assert max(month.late) <= deps_for.settings.freshness_promise_hours * HOUR
    # Neither too often: an hourly poll would need 720 calls for each item.
    for endpoint, (item, client) in month.most_in_a_minute().items():
        limit = LIMITS["production"][endpoint]
        assert limit.item is not None
        assert limit.client is not None
        assert item <= limit.item
        assert client <= limit.client
    assert calls["transactions_sync"] < 200 * len(month.banks)
    assert calls["item_get"] < calls["transactions_sync"]
    # And what people were told of them.
    told = {bank.rhythm: month.states[str(bank.item_id)] for bank in month.banks}
    assert "stale" in told["outages"]
    assert "quiet" in told["weekly"]
    assert all("stale" not in states for rhythm, states in told.items() if rhythm != "outages")

"""A process's clock jumps by days, forward and back: nothing is lost, nothing older wins, nothing waits for days."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, datetime, timedelta

import pytest

from sync.mirror.mirror import Mirror
from sync.pull.pull import pull_item
from sync.pull.sweep import sweep
from tests.integration.pull.bank import error, page, row
from tests.integration.pull.conftest import Linked

DAYS = [timedelta(days=3), timedelta(days=-3), timedelta(hours=26), timedelta(days=400)]


def at(deps, shift: timedelta):
    return dataclasses.replace(deps, now=lambda: datetime.now(UTC) + shift)


@pytest.mark.parametrize("shift", DAYS, ids=str)
def test_mirrors_whose_clocks_disagree_overwrite_nothing_newer(
    books, mirror_deps, assert_mirrored, database, shift: timedelta
) -> None:
    ada = books()
    rows = ada.add(4)
    for number, clock in enumerate([timedelta(0), shift, -shift, timedelta(0)]):
        ada.categorize(rows[number], "TRAVEL")
        ada.add(1)
        Mirror(at(mirror_deps(mirror_month_interval_seconds=1.0), clock)).run(until_clean=True)

    assert_mirrored()


def test_a_clock_that_jumps_under_a_running_mirror_neither_hurries_nor_holds_it(
    books, mirror_deps, assert_mirrored
) -> None:
    """Forward and back between any two looks at it; the pace is kept by a clock that does not jump."""
    ada = books()
    rows = ada.add(4)
    dice = random.Random(7)
    deps = dataclasses.replace(
        mirror_deps(mirror_month_interval_seconds=0.2),
        now=lambda: datetime.now(UTC) + dice.choice([*DAYS, timedelta()]),
    )
    for number in range(4):
        ada.categorize(rows[number], "TRAVEL")
        ada.add(1)
        mirror = Mirror(deps)
        mirror.run(until_clean=True)
        assert mirror.counts["drift"] == 0

    assert_mirrored()


@pytest.mark.parametrize("shift", DAYS, ids=str)
def test_a_pull_that_failed_under_a_wrong_clock_does_not_wait_for_days(
    linked: Linked, mirrored, assert_mirrored, shift: timedelta
) -> None:
    linked.bank.at(None, error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500))
    pull_item(at(linked.deps, shift), linked.item_id)
    assert linked.owed("failures") == 1
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(accounts=[], to="C1"))

    soon = at(linked.deps, timedelta(minutes=10))
    owed = sweep(soon)
    pull_item(soon, linked.item_id)
    mirrored()

    assert owed == [linked.item_id]
    assert set(linked.live()) == {"a"}
    assert_mirrored()

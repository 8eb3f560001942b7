"""Balances are kept per day and held against the transactions; a gap is told only where the bank's data allows it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.pull.balances import Balance, Booked, Verdict, check_balances, judge
from tests.integration.pull.bank import account, page, pending, row
from tests.integration.pull.conftest import Linked

DAY = date(2026, 11, 1)


def told(current: Any, available: Any = None) -> dict[str, Any]:
    """The account with that balance."""
    balances = {"available": available, "current": current, "limit": None, "iso_currency_code": "USD"}
    return account(balances=balances | {"unofficial_currency_code": None})


def after(linked: Linked, day: date, current: Any, *rows: dict[str, Any], removed: tuple[str, ...] = ()) -> None:
    """On that day the bank tells these rows and that balance."""
    cursor = linked.item("cursor")
    linked.bank.at(cursor, page(added=list(rows), removed=list(removed), accounts=[told(current)], to=f"{day}"))
    linked.pull()
    linked.database.sql("update balance_snapshots set day = %s where day = (now() at time zone 'utc')::date", day)


def check(linked: Linked, day: date) -> tuple[Any, ...]:
    linked.database.sql("update balance_snapshots set taken_at = now()")
    now = linked.deps.now().replace(year=day.year, month=day.month, day=day.day)
    check_balances(linked.deps_for("worker", plaid=linked.deps.plaid, now=lambda: now))
    (found,) = linked.database.sql("select state, gap, since_day, likely, reason from balance_checks")
    return found


def test_each_day_keeps_its_last_balance_and_an_equal_one_writes_nothing(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], accounts=[told(100)]))
    linked.bank.at("C1", page(added=[row("b")], accounts=[told("90.5")], to="C2"))
    linked.bank.at("C1", page(added=[row("b")], accounts=[told(90)], to="C2"))
    linked.bank.at("C2", page(added=[row("c")], accounts=[told(90)], to="C3"))
    linked.pull()
    linked.pull()
    first = linked.database.sql("select current_balance, taken_at from balance_snapshots")
    linked.pull()

    assert [balance for balance, _ in first] == [Decimal(90)]
    assert linked.database.sql("select current_balance, taken_at from balance_snapshots") == first


def test_a_gap_is_told_with_its_amount_and_goes_when_the_row_comes(linked: Linked) -> None:
    after(linked, DAY, 1000, row("a", 10, date="2026-10-30"))
    after(linked, DAY + timedelta(2), 950, row("b", 50, date="2026-11-03"))
    assert check(linked, DAY + timedelta(2))[:2] == ("balanced", None)

    after(linked, DAY + timedelta(4), 900, row("c", 30, date="2026-11-04"))
    assert check(linked, DAY + timedelta(4)) == ("gap", Decimal(20), DAY + timedelta(2), [], "missing-row")
    assert any("/accounts/" in path for path in linked.marks())

    after(linked, DAY + timedelta(6), 900, row("late", 20, date="2026-11-04"))
    assert check(linked, DAY + timedelta(6))[:2] == ("balanced", None)


def test_a_row_that_the_balance_does_not_know_is_named(linked: Linked) -> None:
    after(linked, DAY, 1000)
    after(linked, DAY + timedelta(2), 950, row("b", 50, date="2026-11-03"))
    check(linked, DAY + timedelta(2))
    after(linked, DAY + timedelta(6), 950, row("odd", 70, date="2026-11-05"), row("zero", 0, date="2026-11-06"))

    found = check(linked, DAY + timedelta(6))

    assert found == ("gap", Decimal(-70), DAY + timedelta(2), [linked.entry("odd")], "counted-but-not-moved")


def test_a_bank_whose_balances_do_not_follow_its_rows_is_left_alone(linked: Linked) -> None:
    after(linked, DAY, 110)
    for number in range(1, 4):
        after(linked, DAY + timedelta(2 * number), 110, row(f"r{number}", 7, date=f"2026-11-0{2 * number}"))

    assert check(linked, DAY + timedelta(6))[:2] == ("unknown", None)


def test_pending_rows_may_be_in_the_balance_already(linked: Linked) -> None:
    after(linked, DAY, 1000)
    after(linked, DAY + timedelta(2), 950, row("b", 50, date="2026-11-03"))
    check(linked, DAY + timedelta(2))
    after(linked, DAY + timedelta(4), 938, pending("p", 12, date="2026-11-05"))

    assert check(linked, DAY + timedelta(4))[:2] == ("balanced", None)


def test_a_second_check_without_news_does_nothing(linked: Linked) -> None:
    after(linked, DAY, 1000)

    assert (check_balances(linked.deps), check_balances(linked.deps)) == (1, 0)


amounts = st.decimals(min_value=-500, max_value=500, places=2).filter(bool)


@given(st.lists(amounts, min_size=2, max_size=12), st.data(), st.sampled_from(["depository", "credit"]))
def test_what_is_missing_is_the_gap_and_its_return_closes_it(
    spent: list[Decimal], data: st.DataObject, kind: str
) -> None:
    rows = [Booked(uuid4(), amount, DAY + timedelta(2 + number), False) for number, amount in enumerate(spent)]
    last = DAY + timedelta(3 + len(spent))
    sign = 1 if kind == "credit" else -1
    balances = [Balance(DAY, Decimal(100)), Balance(last, 100 + sign * sum(spent, Decimal(0)))]
    lost = data.draw(st.sampled_from(rows))

    whole = judge(kind, balances, rows, proven=False)
    without = judge(kind, balances, [one for one in rows if one is not lost], proven=True)

    assert whole == Verdict("balanced", proven=True)
    assert (without.state, without.gap, without.since_day) == ("gap", lost.amount, DAY)


@pytest.mark.parametrize("side", ["the first day", "the last day"])
def test_a_row_of_a_boundary_day_may_lie_on_either_side(side: str) -> None:
    last = DAY + timedelta(5)
    first_day = side == "the first day"
    odd = Booked(uuid4(), Decimal(9), DAY if first_day else last, False)
    balances = [Balance(DAY, Decimal(100)), Balance(last, Decimal(91 if first_day else 100))]

    assert judge("depository", balances, [odd], proven=True).state == "balanced"

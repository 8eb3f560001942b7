"""Reading a month page by page, and the totals of months."""

from __future__ import annotations

import base64
import random
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sync.db import transaction
from sync.errors import InvalidCursor, MonthNotFound
from sync.ledger import ledger, spend
from sync.money import exact
from tests.integration.ledger.conftest import Scene

NOVEMBER = date(2026, 11, 1)


def all_pages(scene: Scene, month: date, limit: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = ledger.list_transactions(scene.deps, "alice", month, cursor, limit)
        assert len(page.transactions) <= limit
        rows += page.transactions
        cursor = page.next_cursor
        if cursor is None:
            return rows


def test_pages_hold_every_row_of_the_month_once_newest_first(scene: Scene) -> None:
    _, account_id = scene.link("alice")
    days = [random.Random(7).randint(1, 30) for _ in range(23)]
    made = [scene.bank_row("alice", account_id, date=date(2026, 11, day)) for day in days]
    scene.bank_row("alice", account_id, date=date(2026, 10, 31))
    scene.bank_row("bob", scene.link("bob")[1])

    rows = all_pages(scene, NOVEMBER, 5)

    assert sorted(made) == sorted(row["id"] for row in rows)
    assert [row["date"] for row in rows] == sorted((row["date"] for row in rows), reverse=True)
    assert rows == ledger.list_transactions(scene.deps, "alice", NOVEMBER).transactions


def test_a_row_that_arrives_while_paging_moves_no_other_row(scene: Scene) -> None:
    _, account_id = scene.link("alice")
    made = {scene.bank_row("alice", account_id, date=date(2026, 11, day)) for day in range(1, 7)}
    first = ledger.list_transactions(scene.deps, "alice", NOVEMBER, None, 3)
    scene.bank_row("alice", account_id, date=date(2026, 11, 30))

    second = ledger.list_transactions(scene.deps, "alice", NOVEMBER, first.next_cursor, 3)

    assert made == {row["id"] for row in first.transactions + second.transactions}
    assert second.next_cursor is None


def test_a_month_outside_the_window_is_read_like_any_other(scene: Scene) -> None:
    _, account_id = scene.link("alice")
    old = scene.bank_row("alice", account_id, date=date(2003, 2, 28))

    assert [row["id"] for row in ledger.list_transactions(scene.deps, "alice", date(2003, 2, 1)).transactions] == [old]
    assert spend.get_month(scene.deps, "alice", date(2003, 2, 1))["inWindow"] is False


@pytest.mark.parametrize(
    "cursor",
    ["", "%%%", "x", "é", base64.urlsafe_b64encode(b"2026-11-01").decode(), base64.b64encode(b"2026-11-01 x").decode()],
)
def test_a_cursor_that_no_page_handed_out_is_refused(scene: Scene, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        ledger.list_transactions(scene.deps, "alice", NOVEMBER, cursor)


def test_the_cursor_of_another_month_is_refused(scene: Scene) -> None:
    _, account_id = scene.link("alice")
    for _ in range(2):
        scene.bank_row("alice", account_id)
    cursor = ledger.list_transactions(scene.deps, "alice", NOVEMBER, None, 1).next_cursor

    with pytest.raises(InvalidCursor):
        ledger.list_transactions(scene.deps, "alice", date(2026, 10, 1), cursor)


def test_the_authorized_date_decides_the_month(scene: Scene) -> None:
    _, account_id = scene.link("alice")
    scene.bank_row("alice", account_id, date=date(2026, 12, 2), authorized_date=date(2026, 11, 30))

    row = ledger.list_transactions(scene.deps, "alice", NOVEMBER).transactions[0]

    assert (row["month"], row["date"], row["bankDate"]) == ("2026-11", "2026-11-30", "2026-12-02")


def test_totals_are_kept_per_month_currency_and_effective_category(scene: Scene) -> None:
    _, account_id = scene.link("alice")
    for columns in (
        {"amount": "10.10"},
        {"amount": "-3.05", "pending": True},
        {"amount": "100", "bank_category_id": "INCOME"},
        {"amount": "5", "iso_currency": "EUR"},
        {"amount": "0.5", "iso_currency": None, "unofficial_currency": "BTC"},
        {"amount": "7", "date": date(2026, 10, 9)},
        {"amount": "999", "removed_at": "2026-11-20"},
    ):
        scene.bank_row("alice", account_id, **columns)
    moved = scene.bank_row("alice", account_id, amount="1.01")
    ledger.set_category(scene.deps, "alice", moved, "TRAVEL")
    gone = ledger.add_expense(scene.deps, "alice", amount=Decimal(50), currency="USD", on=date(2026, 11, 5), name="x")
    ledger.remove_expense(scene.deps, "alice", gone[0]["id"])
    scene.bank_row("bob", scene.link("bob")[1])

    with transaction(scene.deps.engine, "alice") as connection:
        everything = spend.month_totals(connection, "alice")
        november = spend.month_totals(connection, "alice", [NOVEMBER])

    assert [
        (
            t.month.month,
            t.currency or t.unofficial,
            t.category_id,
            t.excluded,
            exact(t.amount),
            t.count,
            t.pending,
        )
        for t in everything
    ] == [
        (10, "USD", "FOOD_AND_DRINK", False, "7", 1, 0),
        (11, "EUR", "FOOD_AND_DRINK", False, "5", 1, 0),
        (11, "USD", "FOOD_AND_DRINK", False, "7.05", 2, 1),
        (11, "USD", "INCOME", True, "100", 1, 0),
        (11, "USD", "TRAVEL", False, "1.01", 1, 0),
        (11, "BTC", "FOOD_AND_DRINK", False, "0.5", 1, 0),
    ]
    assert november == everything[1:]


def test_a_month_is_shown_as_its_document(scene: Scene) -> None:
    _, account_id = scene.link("alice")
    scene.bank_row("alice", account_id, amount="10.10")
    scene.bank_row("alice", account_id, amount="100", bank_category_id="INCOME")

    month = spend.get_month(scene.deps, "alice", NOVEMBER)

    assert month["currencies"]["USD"] == {
        "digits": 2,
        "spendMinor": 1010,
        "spend": "10.1",
        "count": 2,
        "pendingCount": 0,
        "categories": {"FOOD_AND_DRINK": {"minor": 1010, "amount": "10.1", "count": 1}},
        "outside": {"INCOME": {"minor": 10000, "amount": "100", "count": 1}},
    }
    assert [month] == spend.list_months(scene.deps, "alice")


def test_a_month_without_rows_is_not_there(scene: Scene) -> None:
    assert spend.list_months(scene.deps, "alice") == []
    with pytest.raises(MonthNotFound):
        spend.get_month(scene.deps, "alice", NOVEMBER)

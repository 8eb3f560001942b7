"""Recurring streams and "check now", against the local Plaid over HTTP."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from sync.banks.items import exchange
from sync.deps import Deps
from sync.errors import ItemNotFound, PlaidContract, PlaidRateLimited, PlaidRefused
from sync.pull.pull import pull_item
from sync.pull.recurring import read_due, read_recurring, read_streams, want_recurring
from sync.pull.refresh import refresh_item
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.fixtures.plaid import PlaidServer


@dataclasses.dataclass
class Life:
    """One user with an ordinary life at the local Plaid, pulled."""

    server: PlaidServer
    database: Database
    api: Deps
    worker: Deps
    item_id: UUID

    def streams(self) -> dict[str, tuple[Any, ...]]:
        found = self.database.sql(
            "select description, direction, frequency, last_amount, bank_category_id, removed_at is null "
            "from recurring_streams"
        )
        return {name: tuple(rest) for name, *rest in found}

    def numbers(self) -> list[Any]:
        return self.database.sql("select path, number from changes order by 1")


@pytest.fixture
def life(deps_for: DepsFor, database: Database, plaid_server: PlaidServer) -> Life:
    deps_for.settings = dataclasses.replace(deps_for.settings, plaid_recurring=True, plaid_refresh=True)
    database.sql("insert into users (id) values ('u1')")
    api, worker = deps_for("api"), deps_for("worker")
    item, _ = exchange(api, "u1", plaid_server.link("u1"))
    pull_item(worker, UUID(item["id"]))
    return Life(plaid_server, database, api, worker, UUID(item["id"]))


def test_streams_are_read_once_the_history_is_complete(life: Life) -> None:
    assert read_due(life.worker) == 1

    found = life.streams()
    assert found["BAYVIEW APARTMENTS RENT"][:2] == ("out", "MONTHLY")
    assert found["BAYVIEW APARTMENTS RENT"][3] == "RENT_AND_UTILITIES"
    assert found["HARBOR LABS PAYROLL"][0] == "in"
    assert read_due(life.worker) == 0


def test_reading_again_writes_and_marks_nothing(life: Life) -> None:
    read_recurring(life.worker, life.item_id)
    before = life.numbers()

    assert read_recurring(life.worker, life.item_id)
    assert life.numbers() == before
    assert any("/recurring/" in path for path, _ in before)


def test_a_stream_that_plaid_names_no_more_leaves_and_comes_back(life: Life) -> None:
    life.server.fault("error", path="/transactions/recurring/get", error_code="PRODUCT_NOT_READY", times=1)
    assert not read_recurring(life.worker, life.item_id)
    read_recurring(life.worker, life.item_id)
    life.database.sql(
        "insert into recurring_streams (user_id, item_id, account_id, plaid_stream_id, direction, description, "
        "frequency, status, active, first_date, last_date, bank_category_id, transaction_count, content_sha256) "
        "select user_id, item_id, account_id, 'gone', 'out', 'GONE', 'MONTHLY', 'MATURE', true, first_date, last_date, "
        "'OTHER', 3, '' from recurring_streams limit 1"
    )

    read_recurring(life.worker, life.item_id)

    assert life.streams()["GONE"][4] is False
    assert life.streams()["BAYVIEW APARTMENTS RENT"][4] is True


def test_a_webhook_makes_them_due_and_a_week_does(life: Life) -> None:
    read_due(life.worker)
    with life.worker.engine.begin() as connection:
        want_recurring(connection, life.item_id, datetime.now(UTC))
    assert read_due(life.worker) == 1

    later = dataclasses.replace(life.worker, now=lambda: datetime.now(UTC) + timedelta(days=8))
    assert (read_due(life.worker), read_due(later)) == (0, 1)


def test_a_bank_that_does_not_offer_them_is_never_asked_again(life: Life) -> None:
    life.server.fault("error", path="/transactions/recurring/get", error_code="PRODUCTS_NOT_SUPPORTED", times=1)
    read_due(life.worker)
    later = dataclasses.replace(life.worker, now=lambda: datetime.now(UTC) + timedelta(days=400))

    assert read_due(later) == 0


def test_without_the_setting_nobody_asks(life: Life) -> None:
    plain = dataclasses.replace(life.worker.settings, plaid_recurring=False)

    assert read_due(dataclasses.replace(life.worker, settings=plain)) == 0
    assert life.server.requests("/transactions/recurring/get") == []


@pytest.mark.parametrize("told", [{}, {"inflow_streams": [1], "outflow_streams": []}, {"inflow_streams": [{}]}])
def test_an_answer_of_another_shape_breaks_the_contract(told: dict[str, Any]) -> None:
    with pytest.raises(PlaidContract):
        read_streams(told)


def test_check_now_asks_the_bank_and_wants_a_pull(life: Life) -> None:
    before = life.database.sql("select wanted from item_pulls")[0][0]

    assert refresh_item(life.api, "u1", life.item_id) == {"asked": True}
    assert len(life.server.requests("/transactions/refresh")) == 1
    assert life.database.sql("select wanted from item_pulls") == [(before + 1,)]


def test_check_now_without_the_setting_only_pulls(life: Life) -> None:
    plain = dataclasses.replace(life.api.settings, plaid_refresh=False)

    assert refresh_item(dataclasses.replace(life.api, settings=plain), "u1", life.item_id) == {"asked": False}
    assert life.server.requests("/transactions/refresh") == []


def test_check_now_says_that_plaid_asks_for_patience(life: Life) -> None:
    life.server.fault(
        "error", path="/transactions/refresh", error_code="TRANSACTIONS_REFRESH_LIMIT", status=429, times=1
    )
    with pytest.raises(PlaidRateLimited):
        refresh_item(life.api, "u1", life.item_id)

    life.server.fault("error", path="/transactions/refresh", error_code="PRODUCTS_NOT_SUPPORTED", times=1)
    with pytest.raises(PlaidRefused):
        refresh_item(life.api, "u1", life.item_id)


def test_nobody_checks_anothers_bank(life: Life) -> None:
    life.database.sql("insert into users (id) values ('u2')")

    with pytest.raises(ItemNotFound):
        refresh_item(life.api, "u2", life.item_id)

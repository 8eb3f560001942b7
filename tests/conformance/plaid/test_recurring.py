"""Recurring streams: found in the item's own rows, told when they become others."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.plaid import schema
from tests.conformance.plaid.conftest import Receiver, read_update
from tests.fixtures.plaid import PlaidServer, start_plaid, stop_plaid

_EMPTY = {"override_accounts": [{"type": "depository", "subtype": "checking", "transactions": []}]}


def _streams(server: PlaidServer, token: str, **more: Any) -> dict[str, dict[str, Any]]:
    answer = server.call("/transactions/recurring/get", access_token=token, **more)
    assert schema.problems("TransactionsRecurringGetResponse", answer) == []
    return {stream["description"]: stream for stream in [*answer["inflow_streams"], *answer["outflow_streams"]]}


def _pay(server: PlaidServer, item_id: str, amount: str, *days: str, name: str = "Netflix") -> list[str]:
    rows = [{"amount": amount, "date": day, "description": "NETFLIX.COM", "merchant_name": name} for day in days]
    ids: list[str] = server.admin("transactions", item_id=item_id, rows=rows)["transaction_ids"]
    return ids


def test_an_ordinary_life_has_rent_salary_and_subscriptions(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    found = _streams(plaid_server, token)
    rent = found["BAYVIEW APARTMENTS RENT"]
    assert (rent["frequency"], rent["status"], rent["is_active"]) == ("MONTHLY", "MATURE", True)
    assert (rent["average_amount"]["amount"], rent["last_amount"]["amount"]) == (Decimal("1850.00"),) * 2
    assert rent["predicted_next_date"] == "2026-12-01"
    assert set(rent["transaction_ids"]) <= set(plaid_server.live(item_id))
    assert len(rent["transaction_ids"]) == 24
    assert found["HARBOR LABS PAYROLL"]["frequency"] == "SEMI_MONTHLY"
    assert found["HARBOR LABS PAYROLL"]["average_amount"]["amount"] < 0
    assert {"Netflix", "Spotify", "Comcast", "GEICO"} <= set(found)
    assert "Blue Bottle Coffee" not in found
    answer = plaid_server.call("/transactions/recurring/get", access_token=token)
    assert {one["description"] for one in answer["inflow_streams"]} >= {"HARBOR LABS PAYROLL", "INTEREST EARNED"}


@pytest.mark.parametrize(
    ("days", "frequency", "status", "next_day"),
    [
        (("2026-09-20", "2026-10-20", "2026-11-19"), "MONTHLY", "MATURE", "2026-12-19"),
        (("2026-10-20", "2026-11-19"), "MONTHLY", "EARLY_DETECTION", "2026-12-19"),
        (("2026-11-04", "2026-11-11", "2026-11-18"), "WEEKLY", "MATURE", "2026-11-25"),
        (("2026-10-21", "2026-11-04", "2026-11-18"), "BIWEEKLY", "MATURE", "2026-12-02"),
        (("2026-10-01", "2026-10-16", "2026-11-01", "2026-11-16"), "SEMI_MONTHLY", "MATURE", "2026-12-01"),
        (("2023-11-19", "2024-11-19", "2025-11-19"), "ANNUALLY", "MATURE", "2026-11-19"),
        (("2026-03-01", "2026-04-01", "2026-05-01"), "MONTHLY", "TOMBSTONED", None),
    ],
)
def test_regular_gaps_make_a_stream(
    plaid_server: PlaidServer, days: tuple[str, ...], frequency: str, status: str, next_day: str | None
) -> None:
    token, item_id = plaid_server.custom_item(_EMPTY)
    ids = _pay(plaid_server, item_id, "15.49", *days)
    (stream,) = _streams(plaid_server, token).values()
    assert (stream["frequency"], stream["status"]) == (frequency, status)
    assert stream["is_active"] is (status != "TOMBSTONED")
    assert stream["predicted_next_date"] == next_day
    assert stream["transaction_ids"] == ids
    assert (stream["first_date"], stream["last_date"]) == (days[0], days[-1])


def test_irregular_pending_or_single_rows_are_no_stream(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.custom_item(_EMPTY)
    _pay(plaid_server, item_id, "4.00", "2026-09-01", "2026-09-04", "2026-10-20", "2026-11-01", name="Cafe")
    _pay(plaid_server, item_id, "9.00", "2026-11-01", name="Once")
    rows = [
        {"amount": "9", "date": day, "description": "X", "merchant_name": "Held", "pending": True}
        for day in ("2026-09-19", "2026-10-19", "2026-11-19")
    ]
    plaid_server.admin("transactions", item_id=item_id, rows=rows)
    assert _streams(plaid_server, token) == {}


def test_streams_of_some_accounts_only(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    accounts = plaid_server.call("/accounts/get", access_token=token)["accounts"]
    savings = next(account["account_id"] for account in accounts if account["mask"] == "1111")
    found = _streams(plaid_server, token, account_ids=[savings])
    assert {stream["account_id"] for stream in found.values()} == {savings}
    wrong = plaid_server.call("/transactions/recurring/get", access_token=token, account_ids=["nothing"])
    assert wrong["error_code"] == "INVALID_ACCOUNT_ID"


def test_streams_are_not_ready_before_the_history_is(receiver: Receiver) -> None:
    server = start_plaid(manual_readiness=True)
    token, item_id = server.item()
    for stage in ("NOT_READY", "INITIAL_UPDATE_COMPLETE"):
        server.admin("readiness", item_id=item_id, to=stage)
        answer = server.call("/transactions/recurring/get", access_token=token)
        assert answer["error_code"] == "PRODUCT_NOT_READY"
    server.admin("readiness", item_id=item_id, to="HISTORICAL_UPDATE_COMPLETE")
    assert _streams(server, token)
    stop_plaid(server)


def test_who_asked_once_is_told_when_the_streams_change(plaid_server: PlaidServer, receiver: Receiver) -> None:
    token, item_id = plaid_server.custom_item(_EMPTY, webhook=receiver.url)
    read_update(plaid_server, token)
    _pay(plaid_server, item_id, "15.49", "2026-09-20", "2026-10-20")
    assert len(_streams(plaid_server, token)) == 1
    plaid_server.buy(amount="3.00", description="ONCE")
    receiver.wait_for(lambda got: [hook.code for hook in got].count("SYNC_UPDATES_AVAILABLE") == 2)
    assert "RECURRING_TRANSACTIONS_UPDATE" not in {hook.code for hook in receiver.got}
    _pay(plaid_server, item_id, "15.49", "2026-11-20")
    receiver.wait_for_codes("RECURRING_TRANSACTIONS_UPDATE")
    hook = next(hook for hook in receiver.got if hook.code == "RECURRING_TRANSACTIONS_UPDATE")
    assert schema.hook_problems(hook.body) == []
    (account,) = plaid_server.call("/accounts/get", access_token=token)["accounts"]
    assert json.loads(hook.body)["account_ids"] == [account["account_id"]]


def test_the_dynamic_user_has_half_a_year_of_streams(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item(username="user_transactions_dynamic", password="x")
    found = _streams(plaid_server, token)
    assert found["Netflix"]["first_date"] < "2026-06-30"
    assert found["Netflix"]["status"] == "MATURE"
    assert len(found) >= 8

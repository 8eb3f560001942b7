"""Thousands of rows: exact, the same in every run, and made in seconds."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.plaid import schema
from tests.conformance.plaid.conftest import read_update
from tests.fixtures.plaid import PlaidServer, start_plaid, stop_plaid


def test_a_user_with_five_thousand_rows_over_two_years(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item(username="user_thousands", password="5000")
    update = read_update(plaid_server, token)
    assert (len(update.added), update.pages) == (5000, 10)
    assert len(set(update.added_ids)) == 5000
    assert {row["transaction_id"]: row for row in update.added} == plaid_server.live(item_id)
    months = Counter(row["date"][:7] for row in update.added)
    assert len(months) == 25
    assert min(count for month, count in months.items() if month not in ("2024-11", "2026-11")) > 180
    assert len({row["account_id"] for row in update.added}) == 2
    assert all(row["amount"] == round(row["amount"], 2) != 0 for row in update.added)
    assert 0.01 < sum(row["amount"] < 0 for row in update.added) / 5000 < 0.03
    assert len({row["merchant_name"] for row in update.added}) > 20


def test_generated_rows_fit_the_schema_of_the_installed_client(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item(username="user_thousands", password="300")
    answer = plaid_server.call("/transactions/sync", access_token=token, count=300)
    assert schema.problems("TransactionsSyncResponse", answer) == []


def test_the_same_seed_generates_the_same_rows() -> None:
    answers = []
    for seed in ("one", "one", "two"):
        server = start_plaid(seed=seed)
        token, item_id = server.item(username="user_thousands", password="200")
        server.admin("transactions", item_id=item_id, count=100)
        answers.append(read_update(server, token).added)
        stop_plaid(server)
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]


def test_many_rows_in_yen_have_no_decimals_and_in_dinars_three(plaid_server: PlaidServer) -> None:
    config: dict[str, Any] = {
        "override_accounts": [
            {"type": "depository", "currency": code, "transactions": [], "meta": {"name": code}}
            for code in ("JPY", "KWD")
        ]
    }
    token, item_id = plaid_server.custom_item(config)
    for code in ("JPY", "KWD"):
        plaid_server.admin("transactions", item_id=item_id, count=50, account=code)
    digits = {
        row["iso_currency_code"]: -int(row["amount"].as_tuple().exponent) if isinstance(row["amount"], Decimal) else 0
        for row in read_update(plaid_server, token).added
    }
    assert digits == {"JPY": 0, "KWD": 3}


@pytest.mark.parametrize("password", ["0", "many", "1000000", "-5"])
def test_a_number_of_rows_that_is_none_is_refused(plaid_server: PlaidServer, password: str) -> None:
    options = {"override_username": "user_thousands", "override_password": password}
    answer = plaid_server.call(
        "/sandbox/public_token/create",
        institution_id="ins_109508",
        initial_products=["transactions"],
        options=options,
    )
    assert answer["error_code"] == "INVALID_CREDENTIALS"


def test_many_rows_of_a_broken_item_are_held_and_come_with_the_repair(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    cursor = read_update(plaid_server, token).cursor
    plaid_server.admin("break", item_id=item_id)
    made = plaid_server.admin("transactions", item_id=item_id, count=3000)
    assert made["held"] is True
    plaid_server.admin("repair", item_id=item_id)
    assert read_update(plaid_server, token, cursor).added_ids == made["transaction_ids"]

"""Personas and merchants: believable, honest about what nobody here has, and only sometimes with news."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.plaid import schema
from tests.conformance.plaid.conftest import read_update
from tests.fixtures.plaid import AdminRefused, PlaidServer

_PERSONAS = ("user_ewa_user", "user_yuppie", "user_small_business")


@pytest.mark.parametrize("name", _PERSONAS)
def test_a_persona_has_three_months_of_a_life_of_its_own(plaid_server: PlaidServer, name: str) -> None:
    token, _ = plaid_server.item(username=name, password="anything")
    page = plaid_server.call("/transactions/sync", access_token=token, count=500)
    assert schema.problems("TransactionsSyncResponse", page) == []
    added = read_update(plaid_server, token).added
    assert min(row["authorized_date"] for row in added) == "2026-08-22"
    assert max(row["authorized_date"] for row in added) == "2026-11-20"
    assert 80 < len(added) < 600
    primaries = {row["personal_finance_category"]["primary"] for row in added}
    assert "OTHER" not in primaries
    assert len(primaries) >= 5
    assert any(row["pending"] for row in added)
    assert all(not row["pending"] or row["authorized_date"] >= "2026-11-19" for row in added)
    assert all(row["amount"] == round(row["amount"], 2) for row in added)


def test_personas_lead_different_lives(plaid_server: PlaidServer) -> None:
    spent = {}
    for name in _PERSONAS:
        token, _ = plaid_server.item(name, username=name, password="x")
        spent[name] = {row["merchant_name"] for row in read_update(plaid_server, token).added}
    assert "Dollar General" in spent["user_ewa_user"] - spent["user_yuppie"]
    assert "Equinox" in spent["user_yuppie"] - spent["user_small_business"]
    assert "Amazon Web Services" in spent["user_small_business"] - spent["user_ewa_user"]


def test_a_refresh_brings_a_persona_news_only_sometimes(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item(username="user_yuppie", password="x")
    cursor = read_update(plaid_server, token).cursor
    brought = []
    for _ in range(12):
        assert set(plaid_server.call("/transactions/refresh", access_token=token)) == {"request_id"}
        update = read_update(plaid_server, token, cursor)
        cursor = update.cursor
        brought.append(len(update.added))
        assert not any(row["pending"] and row["authorized_date"] != "2026-11-20" for row in update.added)
    assert 0 in brought
    assert any(brought)


def test_merchants_are_known_by_name_website_and_entity_and_have_no_logo(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    rows: dict[str, dict[str, Any]] = {}
    for row in read_update(plaid_server, token).added:
        assert row["logo_url"] is None
        if row["merchant_name"] is None:
            assert (row["counterparties"], row["merchant_entity_id"]) == ([], None)
            continue
        (counterparty,) = row["counterparties"]
        assert counterparty["name"] == row["merchant_name"]
        assert (counterparty["entity_id"], counterparty["website"]) == (row["merchant_entity_id"], row["website"])
        before = rows.setdefault(row["merchant_name"], row)
        assert before["merchant_entity_id"] == row["merchant_entity_id"]
    assert rows["Starbucks"]["website"] == "starbucks.com"
    assert len({row["merchant_entity_id"] for row in rows.values()}) == len(rows) > 40


def test_a_persona_needs_some_password_and_a_bank_without_oauth(plaid_server: PlaidServer) -> None:
    for options in ({"password": " "}, {"password": "x", "institution_id": "ins_127287"}):
        with pytest.raises(AdminRefused, match="INVALID_CREDENTIALS"):
            plaid_server.item(username="user_yuppie", **options)


@pytest.mark.parametrize(("code", "digits"), [("JPY", 0), ("KRW", 0), ("USD", 2), ("KWD", 3)])
def test_a_purchase_nobody_priced_has_the_decimals_of_its_currency(
    plaid_server: PlaidServer, code: str, digits: int
) -> None:
    plaid_server.item()
    amounts = [str(plaid_server.buy(currency=code)["amount"]) for _ in range(5)]
    assert {len(amount.partition(".")[2]) for amount in amounts} == {digits}


@pytest.mark.parametrize("amount", ["12345678901234567890", "12345678901234567890.123456789", "-99999999999999999999"])
def test_a_purchase_of_twenty_digits_stays_exact(plaid_server: PlaidServer, amount: str) -> None:
    token, item_id = plaid_server.item()
    cursor = read_update(plaid_server, token).cursor
    plaid_server.buy(amount=amount)
    raw = plaid_server.http.request("GET", f"{plaid_server.url}/_local/transactions?item_id={item_id}").data.decode()
    assert f'"amount":{amount},' in raw
    assert str(read_update(plaid_server, token, cursor).added[0]["amount"]) == amount

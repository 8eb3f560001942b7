"""Custom users: what the configuration says is what the item holds, whatever its dates, currencies and decimals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.plaid import wire
from tests.conformance.plaid import schema
from tests.conformance.plaid.conftest import read_update
from tests.fixtures.plaid import FIRST_PLATYPUS, PlaidServer

_FOLDER = Path(__file__).parents[2] / "data" / "custom_users"


def _refused(server: PlaidServer, text: str) -> dict[str, Any]:
    options = {"override_username": "user_custom", "override_password": text}
    answer = server.call(
        "/sandbox/public_token/create",
        institution_id=FIRST_PLATYPUS,
        initial_products=["transactions"],
        options=options,
    )
    assert server.look("items")["items"] == []
    return answer


@pytest.mark.parametrize("name", ["everyday", "many_currencies"])
def test_every_row_of_a_file_arrives_unchanged(plaid_server: PlaidServer, name: str) -> None:
    text = (_FOLDER / f"{name}.json").read_text("utf-8")
    token, _ = plaid_server.custom_item(text)
    answer = plaid_server.call("/transactions/sync", access_token=token, count=500)
    assert schema.problems("TransactionsSyncResponse", answer) == []
    wanted = [
        (
            row["date_transacted"],
            row["date_posted"],
            str(row["amount"]),
            row.get("description", "Transaction"),
            row.get("currency", account.get("currency", "USD")).upper(),
            row["date_posted"] > "2026-11-20",
        )
        for account in wire.loads(text)["override_accounts"]
        for row in account.get("transactions", ())
    ]
    got = [
        (
            transaction["authorized_date"],
            transaction["date"],
            str(transaction["amount"]),
            transaction["name"],
            transaction["iso_currency_code"] or transaction["unofficial_currency_code"],
            transaction["pending"],
        )
        for transaction in answer["added"]
    ]
    assert sorted(got) == sorted(wanted)


def test_accounts_are_as_the_file_says(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.custom_item((_FOLDER / "everyday.json").read_text("utf-8"))
    checking, card = plaid_server.call("/accounts/get", access_token=token)["accounts"]
    assert (checking["name"], checking["official_name"]) == ("Main Street Checking", "Main Street Everyday Checking")
    assert (checking["mask"], checking["type"], checking["subtype"]) == ("2333", "depository", "checking")
    assert {key: str(value) for key, value in checking["balances"].items()} == {
        "available": "4100",
        "current": "4210.55",
        "limit": "None",
        "iso_currency_code": "USD",
        "unofficial_currency_code": "None",
    }
    assert (card["mask"], str(card["balances"]["available"])) == ("9876", "2287.6")


def test_accounts_of_every_kind_fit_the_schema(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.custom_item((_FOLDER / "many_currencies.json").read_text("utf-8"))
    answer = plaid_server.call("/accounts/get", access_token=token)
    assert schema.problems("AccountsGetResponse", answer) == []
    savings, loan, investment = answer["accounts"]
    assert (savings["mask"], savings["balances"]["available"]) == (None, None)
    assert str(savings["balances"]["current"]) == "90071992547409.93"
    assert (loan["name"], loan["mask"], investment["mask"]) == ("Plaid Student", "1111", "2222")


def test_parts_of_other_products_are_named_in_a_warning(plaid_server: PlaidServer) -> None:
    plaid_server.custom_item((_FOLDER / "many_currencies.json").read_text("utf-8"))
    (item,) = plaid_server.look("items")["items"]
    assert item["warnings"] == [
        "override_accounts[2].holdings has no effect in the stand-in",
        "override_accounts[2].identity has no effect in the stand-in",
    ]


def test_rows_older_than_the_days_requested_are_kept(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.custom_item((_FOLDER / "everyday.json").read_text("utf-8"), days=1)
    assert min(transaction["date"] for transaction in read_update(plaid_server, token).added) == "2023-02-28"


def test_dates_roll_forward_so_that_the_newest_purchase_is_today(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.custom_item((_FOLDER / "rolled.json").read_text("utf-8"))
    rows = [
        (transaction["authorized_date"], transaction["date"], transaction["pending"])
        for transaction in read_update(plaid_server, token).added
    ]
    assert rows == [("2026-11-10", "2026-11-11", False), ("2026-11-20", "2026-11-22", True)]


def test_an_empty_configuration_asks_for_generated_data(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.custom_item("{}")
    update = read_update(plaid_server, token)
    assert len(update.added) > 500


def test_the_seed_decides_the_generated_data(plaid_server: PlaidServer) -> None:
    def amounts(config: str) -> list[Any]:
        token, _ = plaid_server.custom_item(config)
        return [transaction["amount"] for transaction in read_update(plaid_server, token).added]

    assert amounts('{"seed": "a"}') == amounts('{"seed": "a"}') != amounts('{"seed": "b"}')


def test_an_account_without_transactions_is_an_empty_account(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.custom_item('{"override_accounts": [{"type": "depository", "subtype": "checking"}]}')
    update = read_update(plaid_server, token)
    assert (update.added, update.status) == ([], "HISTORICAL_UPDATE_COMPLETE")
    assert update.cursor


def test_thousands_of_rows_are_welcome(plaid_server: PlaidServer) -> None:
    row = {"date_transacted": "2020-02-29", "date_posted": "2020-03-01", "amount": 1, "description": "SAME"}
    account = {"type": "depository", "subtype": "checking", "transactions": [row] * 5000}
    token, _ = plaid_server.custom_item({"override_accounts": [account]})
    update = read_update(plaid_server, token)
    assert len(set(update.added_ids)) == 5000


@pytest.mark.parametrize("code", ["ITEM_LOCKED", "INSTITUTION_NOT_RESPONDING", "NO_ACCOUNTS", "PLAID_ERROR"])
def test_a_forced_error_is_answered(plaid_server: PlaidServer, code: str) -> None:
    assert _refused(plaid_server, f'{{"force_error": "{code}"}}')["error_code"] == code


def _with(**changes: Any) -> str:
    row = {"date_transacted": "2026-11-01", "date_posted": "2026-11-02", "amount": 5, "description": "X"}
    row = {name: value for name, value in (row | changes).items() if value is not ...}
    return wire.dumps({"override_accounts": [{"type": "depository", "subtype": "checking", "transactions": [row]}]})


_AT = "override_accounts[0].transactions[0]."


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        ("{", "line 1 column 2"),
        ('{\n "override_accounts": [\n {,}]}', "line 3"),
        ("[1]", "must be an object"),
        ("nonsense", "not JSON"),
        ('{"override_accounts": 5}', "override_accounts must be a list"),
        ('{"override_accounts": [5]}', "override_accounts[0] must be an object"),
        ('{"override_accounts": [{"subtype": "checking"}]}', "override_accounts[0].type is missing"),
        ('{"override_accounts": [{"type": "bank"}]}', "override_accounts[0].type must be one of"),
        ('{"override_accounts": [{"type": "depository", "subtype": "piggy"}]}', "override_accounts[0].subtype"),
        ('{"override_account": []}', "did you mean override_accounts?"),
        ('{"override_accounts": []}', "empty list of accounts"),
        ('{"version": 3}', "version must be 1 or 2"),
        ('{"force_error": "BORED"}', "force_error must be one of"),
        (
            '{"override_accounts": [{"type": "credit", "subtype": "credit card", "meta": {"mask": "12345"}}]}',
            "override_accounts[0].meta.mask",
        ),
        (_with(amount=...), f"{_AT}amount is missing"),
        (_with(amount="5"), f"{_AT}amount must be a number, not text"),
        (_with(amount=True), f"{_AT}amount must be a number"),
        (_with(amount=None), f"{_AT}amount is missing"),
        (_with(date_posted=...), f"{_AT}date_posted is missing"),
        (_with(date_posted="2026-02-30"), f"{_AT}date_posted must be a date"),
        (_with(date_posted="20261102"), f"{_AT}date_posted must be a date"),
        (_with(date_transacted="yesterday"), f"{_AT}date_transacted must be a date"),
        (_with(currency="US DOLLAR"), f"{_AT}currency must be a currency code"),
        (_with(description=7), f"{_AT}description must be text"),
        (_with(amount=..., ammount=5), "did you mean amount?"),
        ('{"override_accounts": [{"type": "depository", "starting_balance": 1e999}]}', "starting_balance"),
        ('{"override_accounts": [{"type": "depository", "starting_balance": NaN}]}', "NaN"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_named_and_nothing_is_made(
    plaid_server: PlaidServer, text: str, named: str
) -> None:
    answer = _refused(plaid_server, text)
    assert answer["error_type"] == "ITEM_ERROR"
    assert named in answer["error_message"]


def test_eleven_accounts_are_one_too_many(plaid_server: PlaidServer) -> None:
    text = wire.dumps({"override_accounts": [{"type": "depository", "subtype": "checking"}] * 11})
    assert "10 accounts" in _refused(plaid_server, text)["error_message"]


def test_an_unknown_field_is_ignored_with_a_warning(plaid_server: PlaidServer) -> None:
    plaid_server.custom_item(_with(colour="blue"))
    (item,) = plaid_server.look("items")["items"]
    assert item["warnings"] == [f"{_AT}colour is not a field that Plaid documents; it was ignored"]


def test_a_byte_order_mark_is_no_mistake(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.custom_item("\ufeff" + _with())
    assert len(read_update(plaid_server, token).added) == 1

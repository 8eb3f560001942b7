"""Reading and folding pages: what is kept exactly, what is refused, which page wins."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sync.errors import PlaidContract
from sync.pull.fold import fold
from sync.pull.pages import content_digest, parse_json, read_account, read_page, read_row, storable
from tests.integration.pull.bank import account, page, pending, row


def folded(*pages: dict[str, Any]) -> Any:
    return fold([read_page(parse_json(json.dumps(one).encode())) for one in pages])


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("10.021521", "10.021521"),
        ("0", "0"),
        ("-0.01", "-0.01"),
        ("90071992547409.93", "90071992547409.93"),
        ("12", "12"),
        ("1.2300000000000", "1.23"),
        ("1E+3", "1000"),
        ("0.0000000001", "0.0000000001"),
        ("999999999999999999.9999999999", "999999999999999999.9999999999"),
    ],
)
def test_an_amount_is_kept_exactly_as_the_json_text_says(told: str, kept: str) -> None:
    transaction = parse_json(b'{"amount": %s}' % told.encode())

    assert read_row(row("a") | transaction).amount == Decimal(kept)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("5.234567890123456", "5.2345678901"),
        ("0.30000000000000004", "0.3"),
        ("1234.5600000000002", "1234.56"),
        ("-0.00000000015", "-0.0000000002"),
        ("1E-400", "0"),
    ],
)
def test_digits_that_only_a_double_has_do_not_stop_an_item(told: str, kept: str) -> None:
    transaction = parse_json(b'{"amount": %s}' % told.encode())

    assert read_row(row("a") | transaction).amount == Decimal(kept)


@pytest.mark.parametrize(
    "told", ["1000000000000000000", "999999999999999999.99999999999", "1E400", "true", "null", '"10"', "[]"]
)
def test_an_amount_that_the_ledger_cannot_hold_breaks_the_contract(told: str) -> None:
    transaction = parse_json(b'{"amount": %s}' % told.encode())

    with pytest.raises(PlaidContract):
        read_row(row("a") | transaction)


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
def test_a_number_that_is_none_breaks_the_contract(constant: bytes) -> None:
    with pytest.raises(PlaidContract):
        parse_json(b'{"amount": %s}' % constant)


@pytest.mark.parametrize("key", sorted(page()))
def test_a_page_without_one_of_its_eight_keys_breaks_the_contract(key: str) -> None:
    broken = page()
    del broken[key]

    with pytest.raises(PlaidContract, match=key):
        read_page(broken)


@pytest.mark.parametrize(
    "key", ["transaction_id", "account_id", "amount", "iso_currency_code", "date", "pending", "name", "authorized_date"]
)
def test_a_transaction_without_a_field_that_is_used_breaks_the_contract(key: str) -> None:
    broken = row("a")
    del broken[key]

    with pytest.raises(PlaidContract, match=key):
        read_row(broken)


@pytest.mark.parametrize(
    "wrong",
    [
        {"date": "2026-02-30"},
        {"date": "2026-01-02T00:00:00Z"},
        {"date": "20260102"},
        {"date": "2026-W01-1"},
        {"date": None},
        {"pending": "false"},
        {"transaction_id": ""},
        {"transaction_id": "a\0b"},
        {"name": None},
        {"personal_finance_category": "FOOD"},
        {"unofficial_currency_code": "BTC"},
        {"iso_currency_code": None},
    ],
)
def test_a_field_of_the_wrong_kind_breaks_the_contract(wrong: dict[str, Any]) -> None:
    with pytest.raises(PlaidContract):
        read_row(row("a", **wrong))


@pytest.mark.parametrize("balances", [None, {}, {"available": 1}])
def test_an_account_without_its_balances_breaks_the_contract(balances: Any) -> None:
    with pytest.raises(PlaidContract):
        read_account(account(balances=balances))


def test_a_refusal_names_the_field_and_never_its_value() -> None:
    with pytest.raises(PlaidContract) as refusal:
        read_row(row("a", date="secret-date"))

    assert "date" in str(refusal.value)
    assert "secret-date" not in str(refusal.value)


def test_dates_stay_dates() -> None:
    read = read_row(row("a", date="2026-11-05", authorized_date=None))

    assert (date(2026, 11, 5), None) == (read.date, read.authorized_date)


def test_unknown_fields_and_values_are_taken_as_they_are() -> None:
    read = read_row(row("a", payment_channel="telepathy", brand_new={"x": [1]}))

    assert read.payment_channel == "telepathy"


@pytest.mark.parametrize(
    ("told", "kept"),
    [("a\0b", "ab"), ("café \U0001f600", "café \U0001f600"), ("half \ud83d", "half �"), ("﻿bom", "﻿bom"), ("", "")],
)
def test_text_loses_only_what_postgres_cannot_hold(told: str, kept: str) -> None:
    assert storable(told) == kept


def test_the_digest_sees_every_field_and_no_order() -> None:
    one = row("a", location={"city": "Bern", "lat": None})
    shuffled = dict(reversed(list(one.items())))

    assert content_digest(one) == content_digest(shuffled)
    assert content_digest(one) != content_digest(one | {"location": {"city": "Basel", "lat": None}})


@pytest.mark.parametrize(
    "text", [b'{"name": "half \\ud83d", "amount": 1.10}', b'\xef\xbb\xbf{"name": "bom", "amount": 1.10}']
)
def test_json_that_the_quick_parser_refuses_is_read_and_digested_all_the_same(text: bytes) -> None:
    told = parse_json(text)

    assert told["amount"] == Decimal("1.10")
    assert content_digest(told) == content_digest(dict(reversed(list(told.items()))))


@pytest.mark.parametrize("text", [b"", b"<html>", b"[1,]", b"01", b'{"a"'])
def test_what_is_no_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(?!plaid-contract)"):
        parse_json(text)


def test_a_later_page_overrides_an_earlier_one() -> None:
    update = folded(page(added=[row("a", 1)], more=True), page(modified=[row("a", 2)], to="C2"))

    assert [Decimal(2)] == [staged.row.amount for staged in update.rows]
    assert (update.end_cursor, update.pages, update.anomalies) == ("C2", 2, 0)


def test_removed_then_added_on_a_later_page_is_live() -> None:
    update = folded(page(removed=["a"], more=True), page(added=[row("a")], to="C2"))

    assert ([staged.row.plaid_transaction_id for staged in update.rows], update.removed) == (["a"], [])


def test_added_and_removed_on_one_page_is_removed_and_an_anomaly() -> None:
    update = folded(page(added=[row("a")], removed=["a"]))

    assert (update.rows, update.removed, update.anomalies) == ([], ["a"], 1)


def test_an_empty_cursor_is_no_cursor() -> None:
    assert folded(page(to="", status="NOT_READY", accounts=[])).end_cursor is None


def test_a_chain_of_staged_rows_knows_its_root_and_its_heirs() -> None:
    update = folded(
        page(
            added=[
                row("c", pending_transaction_id="b"),
                pending("b", pending_transaction_id="a"),
                pending("a", pending_transaction_id="older"),
            ]
        )
    )

    assert {staged.row.plaid_transaction_id: (staged.claims, staged.heir, staged.root) for staged in update.rows} == {
        "a": ("older", "b", "a"),
        "b": ("a", "c", "a"),
        "c": ("b", None, "a"),
    }


def test_of_two_rows_claiming_one_pending_row_the_first_keeps_the_claim() -> None:
    update = folded(page(added=[row("x", pending_transaction_id="p"), row("y", pending_transaction_id="p")]))

    assert {staged.row.plaid_transaction_id: staged.claims for staged in update.rows} == {"x": "p", "y": None}


def test_rows_that_claim_each_other_do_not_loop() -> None:
    update = folded(
        page(
            added=[
                row("x", pending_transaction_id="y"),
                row("y", pending_transaction_id="x"),
                row("z", pending_transaction_id="z"),
            ]
        )
    )

    assert {staged.row.plaid_transaction_id: staged.claims for staged in update.rows} == {
        "x": "y",
        "y": None,
        "z": None,
    }

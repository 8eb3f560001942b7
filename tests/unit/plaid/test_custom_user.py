"""Custom users as the reader and the proof see them: what is taken, what is refused and where, how dates roll."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from local.once import UnreadableUserFile, read_user_file
from local.plaid import custom_user
from local.plaid.custom_fields import Unreadable

TODAY = date(2026, 11, 20)
CHECKING = {"type": "depository", "subtype": "checking"}


def row(amount: Any = 5, transacted: str = "2026-11-01", posted: str = "2026-11-02") -> dict[str, Any]:
    return {"date_transacted": transacted, "date_posted": posted, "amount": amount, "description": "X"}


def user(*accounts: dict[str, Any], **top: Any) -> str:
    return json.dumps({"override_accounts": list(accounts)} | top)


@pytest.mark.parametrize("version", [1, 2, "1", "2", None])
def test_both_versions_are_read_as_number_or_text(version: Any):
    assert custom_user.read(user(CHECKING, version=version), TODAY).accounts


@pytest.mark.parametrize("version", [0, 3, "", [], {}, "two"])
def test_another_version_is_refused(version: Any):
    with pytest.raises(Unreadable, match="version must be 1 or 2"):
        custom_user.read(user(CHECKING, version=version), TODAY)


def test_every_field_of_a_template_may_be_null_but_those_that_say_what_is_there():
    account = CHECKING | dict.fromkeys(
        ("starting_balance", "force_available_balance", "has_null_available_balance", "currency", "meta", "numbers",
         "transactions", "identity", "liability", "inflow_model")
    )  # fmt: skip
    top = dict.fromkeys(("version", "seed", "mfa", "recaptcha", "force_error", "roll_dates_forward"))

    read = custom_user.read(user(account, **top), TODAY)

    assert read.accounts is not None
    assert (len(read.accounts), read.rows, read.force_error) == (1, [], None)


@pytest.mark.parametrize("text", ['{"accounts": []}', '{"w2": {"tax_year": 2023}, "ocr_status": "SUCCESS"}'])
def test_an_object_without_a_field_of_a_custom_user_is_none(text: str):
    with pytest.raises(Unreadable, match="override_accounts"):
        custom_user.read(text, TODAY)


def test_an_amount_that_no_screen_could_count_is_refused_by_its_place():
    with pytest.raises(Unreadable, match=r"override_accounts\[0\].transactions\[1\].amount is larger"):
        custom_user.read(user(CHECKING | {"transactions": [row(), row(10**15)]}), TODAY)


def test_an_endless_integer_is_refused_in_one_short_line():
    text = user(CHECKING | {"transactions": [row()]}).replace('"amount": 5', f'"amount": {"9" * 5000}')

    with pytest.raises(Unreadable) as refused:
        custom_user.read(text, TODAY)

    assert len(str(refused.value)) < 200


def test_a_bad_recaptcha_ends_the_login():
    assert custom_user.read(user(CHECKING, recaptcha="bad"), TODAY).force_error == "RECAPTCHA_BAD"
    assert custom_user.read(user(CHECKING, recaptcha="good"), TODAY).force_error is None


# --- rolling ----------------------------------------------------------------------------------------------------------


def days(*accounts: dict[str, Any]) -> list[tuple[str, str]]:
    read = custom_user.read(user(*accounts, roll_dates_forward=True), TODAY)
    return [(str(row.authorized_date), str(row.date)) for row in read.rows]


@pytest.mark.parametrize(
    "newer",
    [
        {"type": "investment", "subtype": "brokerage", "investment_transactions": [{"date": "2024-03-31"}]},
        {"type": "investment", "subtype": "401k", "holdings": [{}, {"institution_price_as_of": "2024-03-31"}]},
        {"type": "credit", "subtype": "credit card", "liability": {"last_payment_date": "2024-03-31"}},
        {"type": "payroll", "subtype": "payroll",
         "income": {"paystubs": [{"pay_period_details": {"end_date": "2024-03-30", "pay_day": "2024-03-31"}}]}},
    ],
)  # fmt: skip
def test_activity_of_every_product_can_be_the_newest(newer: dict[str, Any]):
    checking = CHECKING | {"transactions": [row(1, "2024-03-01", "2024-03-03")]}

    assert days(checking) == [("2026-11-20", "2026-11-22")]
    assert days(checking, newer) == [("2026-10-21", "2026-10-23")]


@pytest.mark.parametrize(
    "silent",
    [
        {"type": "loan", "subtype": "student", "liability": {"origination_date": "2030-01-01"}},
        {"type": "investment", "subtype": "brokerage", "holdings": [{"institution_price_as_of": "soon"}, 7]},
        {"type": "payroll", "subtype": "payroll", "income": []},
    ],
)
def test_what_is_no_activity_moves_nothing(silent: dict[str, Any]):
    checking = CHECKING | {"transactions": [row(1, "2024-03-01", "2024-03-03")]}

    assert days(checking, silent) == days(checking)
    assert days(silent) == []


def test_a_roll_out_of_the_calendar_is_refused():
    rows = [row(1, "0001-01-01", "0001-01-01"), row(1, "9999-12-31", "9999-12-31")]

    with pytest.raises(Unreadable, match="roll_dates_forward"):
        days(CHECKING | {"transactions": rows})


# --- the file in front of the proof -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoded", [b"\xef\xbb\xbf%s", b"%s\r\n", b"\r\n %s"])
def test_a_mark_at_the_start_and_line_ends_of_windows_are_no_mistake(tmp_path: Path, encoded: bytes):
    path = tmp_path / "user.json"
    path.write_bytes(encoded % user(CHECKING | {"transactions": [row(12.5)]}).encode())

    given = read_user_file(path)

    assert str(given.configuration["override_accounts"][0]["transactions"][0]["amount"]) == "12.5"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b'"pass_good"', "must be an object, not text"),
        (b"error_ITEM_LOCKED", "line 1 column 1"),
        (b'{"a":' * 50_000, "nested too deeply"),
        (b'{"override_accounts": [{"type": "depository", "starting_balance": NaN}]}', "NaN"),
        ('{"seed": "Café"}'.encode("latin-1"), "not UTF-8"),
        ('{"seed": "x"}'.encode("utf-16"), "not UTF-8"),
        (b'{"override_accounts": []}', "override_accounts is an empty list"),
        (b'{"override_accounts": [{"type": null, "subtype": null}]}', "override_accounts[0].type is missing"),
        (b'{"override_accounts": [{"type": "loan", "transactions": [{"amount": "1"}]}]}', "transactions[0].amount"),
    ],
)
def test_a_file_that_no_bank_would_take_is_named_with_the_place(tmp_path: Path, content: bytes, said: str):
    path = tmp_path / "user.json"
    path.write_bytes(content)

    with pytest.raises(UnreadableUserFile) as refused:
        read_user_file(path)

    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_a_folder_is_no_file(tmp_path: Path):
    with pytest.raises(UnreadableUserFile, match="directory"):
        read_user_file(tmp_path)

"""What the ledger keeps of a row: exact money, the bank's category by the taxonomy, text that Postgres can hold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.integration.pull.bank import account, page, row
from tests.integration.pull.conftest import Linked


def category(primary: str | None, detailed: str | None) -> dict[str, Any]:
    return {"primary": primary, "detailed": detailed, "confidence_level": "LOW"}


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("10.021521", "USD"),
        ("0", "USD"),
        ("-0.01", "USD"),
        ("90071992547409.93", "USD"),
        ("12", "USD"),
        ("500", "JPY"),
        ("1.234", "KWD"),
    ],
)
def test_an_amount_is_stored_exactly(linked: Linked, amount: str, currency: str) -> None:
    text = b'{"amount": %s}' % amount.encode()
    body = page(added=[row("a", 0, iso_currency_code=currency)])
    linked.bank.at(None, (200, _json(body).replace(b'"amount": 0', text[1:-1])))

    linked.pull()

    assert linked.live() == {"a": Decimal(amount)}


def test_an_unofficial_currency_is_stored_as_it_is(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a", 0.01234567, iso_currency_code=None, unofficial_currency_code="BTC")]))

    linked.pull()

    assert linked.database.sql("select amount, iso_currency, unofficial_currency from transactions") == [
        (Decimal("0.01234567"), None, "BTC")
    ]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (category("FOOD_AND_DRINK", "FOOD_AND_DRINK_COFFEE"), "FOOD_AND_DRINK"),
        (category("FOOD_AND_DRINK", "FOOD_AND_DRINK_MOON"), "FOOD_AND_DRINK"),
        (category("LOAN_PAYMENTS", "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT"), "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT"),
        (category("LOAN_PAYMENTS", "LOAN_PAYMENTS_CAR_PAYMENT"), "LOAN_PAYMENTS"),
        (category("MOON_TRAVEL", "MOON_TRAVEL_ROCKET"), "UNCATEGORIZED"),
        (category(None, None), "UNCATEGORIZED"),
        (None, "UNCATEGORIZED"),
    ],
)
def test_the_banks_category_is_mapped_by_the_taxonomy(linked: Linked, told: Any, kept: str) -> None:
    linked.bank.at(None, page(added=[row("a", personal_finance_category=told)]))

    linked.pull()

    assert linked.database.sql("select bank_category_id, bank_category_detailed from transactions") == [
        (kept, told and told["detailed"])
    ]


def test_a_category_of_a_user_is_never_taken_for_the_banks(linked: Linked) -> None:
    linked.database.sql("insert into categories (id, user_id, name) values ('HOBBY', 'u1', 'Hobby')")
    linked.bank.at(None, page(added=[row("a", personal_finance_category=category("HOBBY", "HOBBY_X"))]))

    linked.pull()

    assert linked.one("select bank_category_id from transactions") == "UNCATEGORIZED"


def test_a_recategorisation_by_the_bank_flows_in_under_the_users_own(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a", personal_finance_category=category("INCOME", "INCOME_WAGES"))], to="C1"))
    newer = row("a", personal_finance_category=category("INCOME", "INCOME_SALARY"))
    linked.bank.at("C1", page(modified=[newer], to="C2"))
    linked.pull()
    linked.categorise("a", "TRAVEL")

    linked.pull()

    assert linked.one("select bank_category_detailed from transactions") == "INCOME_SALARY"
    assert linked.one("select user_category_id from entries") == "TRAVEL"


@pytest.mark.parametrize(
    "name",
    ["Café \U0001f35c مطعم", "x" * 300, "tab\tnew\nline\r back\\slash \\N", "\\.", "'quotes'\"; drop table users; --"],
)
def test_a_name_is_stored_as_the_bank_wrote_it(linked: Linked, name: str) -> None:
    linked.bank.at(None, page(added=[row("a", name=name, merchant_name=name)]))

    linked.pull()

    assert linked.database.sql("select name, merchant_name from transactions") == [(name, name)]


def test_nul_is_stripped_from_text(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a", name="Bad\0Shop")], accounts=[account(name="Check\0ing", mask="1\0")]))

    linked.pull()

    assert linked.one("select name from transactions") == "BadShop"
    assert linked.database.sql("select name, mask from accounts") == [("Checking", "1")]


def test_unknown_fields_and_values_are_ingested(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a", payment_channel="telepathy", new_field=[1, {"x": None}])]))

    linked.pull()

    assert linked.one("select payment_channel from transactions") == "telepathy"


def test_balances_are_stored_exactly(linked: Linked) -> None:
    balances = {"available": None, "current": 12.3456789012, "limit": 5, "iso_currency_code": "EUR"}
    linked.bank.at(
        None, page(added=[row("a")], accounts=[account(balances=balances | {"unofficial_currency_code": None})])
    )

    linked.pull()

    assert linked.database.sql("select available_balance, current_balance, credit_limit from accounts") == [
        (None, Decimal("12.3456789012"), Decimal(5))
    ]


def test_one_date_decides_the_month(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a", date="2026-11-01", authorized_date="2026-10-31")]))

    linked.pull()

    assert [str(month) for (month,) in linked.database.sql("select month from transactions")] == ["2026-10-01"]


def _json(body: dict[str, Any]) -> bytes:
    import json

    return json.dumps(body).encode()

"""What counts as spend, in which currency and where: refunds, card payments, transfers, coins."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from tests.integration.pull.bank import account, page, row
from tests.integration.pull.conftest import Linked
from tests.integration.pull.vectors.conftest import Screen, Spend


def filed(plaid_id: str, amount: Any, detailed: str, primary: str, **fields: Any) -> dict[str, Any]:
    category = {"primary": primary, "detailed": detailed, "confidence_level": "HIGH"}
    return row(plaid_id, amount, personal_finance_category=category, **fields)


def test_a_refund_lowers_its_category_and_is_no_income(linked: Linked, spend: Spend) -> None:
    """Vector 39: refund -25.00 GENERAL_MERCHANDISE."""
    shopping = ("GENERAL_MERCHANDISE_ELECTRONICS", "GENERAL_MERCHANDISE")
    linked.bank.at(None, page(added=[filed("a", 100.00, *shopping)], to="C1"))
    linked.bank.at("C1", page(added=[filed("b", -25.00, *shopping)], to="C2"))
    linked.pull()

    linked.pull()

    assert spend.by_category() == {"GENERAL_MERCHANDISE": Decimal(75)}
    assert spend.month()["currencies"]["USD"]["outside"] == {}


def test_a_card_payment_is_not_spent_twice(linked: Linked, spend: Spend) -> None:
    """Vector 40: +200 on checking LOAN_PAYMENTS_CREDIT_CARD_PAYMENT, -200 on the card."""
    payment = ("LOAN_PAYMENTS_CREDIT_CARD_PAYMENT", "LOAN_PAYMENTS")
    linked.bank.at(None, page(added=[row("a", 30)], to="C1"))
    rows = [filed("out", 200, *payment), filed("in", -200, *payment, account_id="card")]
    card = account("card", type="credit", subtype="credit card")
    linked.bank.at("C1", page(added=rows, accounts=[account(), card], to="C2"))
    linked.pull()

    linked.pull()

    assert (len(linked.live()), spend.total()) == (3, 30)


def test_one_leg_of_a_card_payment_alone_is_no_spend_either(linked: Linked, spend: Spend) -> None:
    """Vector 40: the card may be at a bank that is not linked."""
    linked.bank.at(None, page(added=[filed("out", 200, "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT", "LOAN_PAYMENTS")]))

    linked.pull()

    assert spend.total() == 0


def test_a_transfer_between_ones_own_accounts_is_no_spend(linked: Linked, spend: Spend) -> None:
    """Vector 41: TRANSFER_OUT on one account, TRANSFER_IN on the other."""
    rows = [
        filed("out", 500, "TRANSFER_OUT_ACCOUNT_TRANSFER", "TRANSFER_OUT"),
        filed("in", -500, "TRANSFER_IN_ACCOUNT_TRANSFER", "TRANSFER_IN", account_id="savings"),
        row("a", 30),
    ]
    linked.bank.at(None, page(added=rows, accounts=[account(), account("savings", subtype="savings")]))

    linked.pull()

    assert spend.total() == 30
    assert set(spend.month()["currencies"]["USD"]["outside"]) == {"TRANSFER_IN", "TRANSFER_OUT"}


def test_currencies_are_never_added_up(linked: Linked, spend: Spend) -> None:
    """Vector 42: EUR 10.00 and USD 10.00 on the same day."""
    linked.bank.at(None, page(added=[row("a", 10.00), row("b", 10.00, iso_currency_code="EUR")]))

    linked.pull()

    assert (spend.total("USD"), spend.total("EUR")) == (10, 10)
    assert set(spend.month()["currencies"]) == {"USD", "EUR"}


def test_a_coin_is_shown_by_its_code_and_in_no_total(linked: Linked, spend: Spend, screen: Screen) -> None:
    """Vector 43: iso null, unofficial BTC, 0.01234567."""
    coin = row("a", 0.01234567, iso_currency_code=None, unofficial_currency_code="BTC")
    linked.bank.at(None, page(added=[coin, row("b", 10)]))

    linked.pull()

    shown = screen.look()
    document = shown[f"transactions/{linked.entry('a')}"]
    assert (document["amount"], document["unofficialCurrency"], document["currency"], document["amountMinor"]) == (
        "0.01234567",
        "BTC",
        None,
        None,
    )
    month = shown["months/2026-11"]
    assert month["unofficial"] == {"BTC": {"spend": "0.01234567", "count": 1}}
    assert (set(month["currencies"]), spend.total()) == ({"USD"}, 10)


def missing(told: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key != "personal_finance_category"}


@pytest.mark.parametrize("told", [row("a", 7, personal_finance_category=None), missing(row("a", 7))])
def test_a_row_without_a_category_is_spent_all_the_same(linked: Linked, spend: Spend, told: Any) -> None:
    """Vector 45: personal_finance_category is null, or missing."""
    linked.bank.at(None, page(added=[told]))

    linked.pull()

    assert linked.database.sql(
        "select bank_category_primary, bank_category_detailed, bank_category_confidence from transactions"
    ) == [(None, None, None)]
    assert spend.by_category() == {"UNCATEGORIZED": Decimal(7)}


def unknown(counted_as: str) -> float:
    """Rows of an unknown category so far that count as this one."""
    return REGISTRY.get_sample_value("livespend_unknown_categories_total", {"counted_as": counted_as}) or 0


def test_a_category_that_nobody_knows_counts_under_its_primary_and_is_told_once(linked: Linked, spend: Spend) -> None:
    """Vector 46: detailed code FOOD_AND_DRINK_MOON."""
    moon = ("FOOD_AND_DRINK_MOON", "FOOD_AND_DRINK")
    rows = [filed("a", 7, *moon), filed("b", 8, *moon), filed("c", 9, "MOON_ROCKET", "MOON"), row("d", 1)]
    linked.bank.at(None, page(added=rows, to="C1"))
    linked.bank.at("C1", page(modified=rows, to="C2"))
    before = {name: unknown(name) for name in (moon[1], "UNCATEGORIZED")}
    with capture_logs() as logged:
        linked.pull()
        linked.pull()

    assert {name: unknown(name) - was for name, was in before.items()} == {moon[1]: 2, "UNCATEGORIZED": 1}
    assert spend.by_category() == {"FOOD_AND_DRINK": Decimal(16), "UNCATEGORIZED": Decimal(9)}
    assert linked.database.sql("select bank_category_detailed from transactions where amount = 7") == [(moon[0],)]
    told = [line for line in logged if line["event"] == "unknown_category"]
    assert told == [
        {"event": "unknown_category", "log_level": "warning", "category": moon[0], "counted_as": moon[1], "rows": 2},
        {"event": "unknown_category", "log_level": "warning", "category": "MOON_ROCKET", "counted_as": "UNCATEGORIZED",
         "rows": 1},
    ]  # fmt: skip
    assert linked.run("outcome") == "nothing"


def test_a_bank_that_renames_a_category_moves_no_spend_of_the_users_own(linked: Linked, spend: Spend) -> None:
    """Vector 47: INCOME_WAGES becomes INCOME_SALARY by modified, on a row with the user's category and one without."""
    before = [filed("a", 10, "INCOME_WAGES", "INCOME"), filed("b", -900, "INCOME_WAGES", "INCOME")]
    after = [filed("a", 10, "INCOME_SALARY", "INCOME"), filed("b", -900, "INCOME_SALARY", "INCOME")]
    linked.bank.at(None, page(added=before, to="C1"))
    linked.bank.at("C1", page(modified=after, to="C2"))
    linked.pull()
    linked.categorise("a", "TRAVEL")
    spent = spend.by_category()

    linked.pull()

    assert linked.database.sql("select distinct bank_category_detailed from transactions") == [("INCOME_SALARY",)]
    assert spent == spend.by_category() == {"TRAVEL": Decimal(10)}

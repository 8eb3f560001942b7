"""What the bank says flows into rows whose category, note and splits are the user's; what the user said stays.

And rules: they judge rows as they arrive, below the user's word, and cost nothing where there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event

from sync.deps import Deps
from sync.ledger import ledger, rulebook
from sync.ledger.splits import Part, put_splits
from tests.integration.pull.bank import account, page, pending, row
from tests.integration.pull.conftest import Linked


@pytest.fixture
def api(linked: Linked) -> Deps:
    """The API's dependencies on the same ledger."""
    return linked.deps_for("api", plaid=linked.deps.plaid)


def say(api: Deps, entry: Any) -> None:
    """The user says all that a user can of an entry."""
    ledger.edit_entry(api, "u1", entry, category_id="TRAVEL", note="with Ada")
    put_splits(api, "u1", entry, [Part("MEDICAL", Decimal("2.5"), "pills"), Part("OTHER", Decimal(1))])


def said(linked: Linked) -> list[tuple[Any, ...]]:
    """Every column of the user's."""
    entries = linked.database.sql(
        "select e.id, user_category_id, note, edited_at from entries e join transactions t on t.entry_id = e.id "
        "where t.removed_at is null"
    )
    return entries + linked.database.sql(
        "select id, entry_id, position, category_id, amount, note from splits order by 3"
    )


FOOD = {"primary": "FOOD_AND_DRINK", "detailed": "FOOD_AND_DRINK_COFFEE", "confidence_level": "HIGH"}
BANK_SAYS: dict[str, tuple[dict[str, Any], str, Any]] = {
    "amount": ({"amount": 24.0}, "amount::text", "24.0000000000"),
    "currency": ({"iso_currency_code": "EUR"}, "iso_currency", "EUR"),
    "unofficial currency": (
        {"iso_currency_code": None, "unofficial_currency_code": "BTC"}, "unofficial_currency", "BTC"
    ),
    "date": ({"date": "2026-11-09"}, "date::text", "2026-11-09"),
    "authorized date": ({"authorized_date": "2026-10-31"}, "month::text", "2026-10-01"),
    "no authorized date": ({"authorized_date": None}, "spent_on::text", "2026-11-05"),
    "pending": ({"pending": True}, "pending", True),
    "name": ({"name": "Renamed"}, "name", "Renamed"),
    "merchant": ({"merchant_name": "Starbucks"}, "merchant_name", "Starbucks"),
    "channel": ({"payment_channel": "online"}, "payment_channel", "online"),
    "primary category": (
        {"personal_finance_category": FOOD | {"primary": "RENT_AND_UTILITIES", "detailed": "RENT_AND_UTILITIES_RENT"}},
        "bank_category_id",
        "RENT_AND_UTILITIES",
    ),
    "detailed category": (
        {"personal_finance_category": FOOD | {"detailed": "FOOD_AND_DRINK_RESTAURANT"}},
        "bank_category_detailed",
        "FOOD_AND_DRINK_RESTAURANT",
    ),
    "confidence": (
        {"personal_finance_category": FOOD | {"confidence_level": "LOW"}}, "bank_category_confidence", "LOW"
    ),
    "account": ({"account_id": "acc-2"}, "(select name from accounts a where a.id = account_id)", "Second"),
}  # fmt: skip


@pytest.mark.parametrize("field", BANK_SAYS)
def test_each_word_of_the_bank_flows_into_a_row_that_the_user_owns(linked: Linked, api: Deps, field: str) -> None:
    change, column, expected = BANK_SAYS[field]
    accounts = [account(), account("acc-2", name="Second")]
    linked.bank.at(None, page(added=[row("a", 20.0)], accounts=accounts, to="C1"))
    linked.bank.at("C1", page(modified=[row("a", 20.0) | change], accounts=accounts, to="C2"))
    linked.pull()
    say(api, linked.entry("a"))
    before = said(linked)

    linked.pull()

    assert linked.one(f"select {column} from transactions") == expected
    assert said(linked) == before


def test_a_tip_after_posting_raises_the_remainder_of_a_split_row(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[pending("p", 20.0)], to="C1"))
    linked.bank.at("C1", page(added=[row("q", 24.0, pending_transaction_id="p")], removed=["p"], to="C2"))
    linked.pull()
    say(api, linked.entry("p"))
    before = said(linked)

    linked.pull()

    shown = ledger.get_transaction(api, "u1", linked.entry("q"))
    assert (shown["amount"], shown["remainder"], len(shown["splits"]), shown["note"]) == ("24", "20.5", 2, "with Ada")
    assert said(linked) == before


def test_splits_are_still_there_when_a_removed_row_comes_back(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a", 20.0)], to="C1"))
    linked.bank.at("C1", page(removed=["a"], to="C2"))
    linked.bank.at("C2", page(added=[row("a", 20.0)], to="C3"))
    linked.pull()
    say(api, linked.entry("a"))
    before = said(linked)

    linked.pull()
    linked.pull()

    assert said(linked) == before


def test_the_store_step_needs_no_right_on_the_users_columns(linked: Linked, api: Deps) -> None:
    linked.database.sql("revoke update (user_category_id, note, removed_at) on entries from livespend_worker")
    linked.database.sql("revoke insert, update, delete on splits from livespend_worker")
    linked.bank.at(None, page(added=[pending("p", 20.0), row("a", 5.0)], to="C1"))
    changes = page(
        added=[row("q", 24.0, pending_transaction_id="p"), row("b")], modified=[row("a", 6.0)], removed=["p"], to="C2"
    )
    linked.bank.at("C1", changes)
    linked.pull()
    say(api, linked.entry("p"))

    linked.pull()

    assert linked.run("outcome") == "applied"
    assert set(linked.live()) == {"q", "a", "b"}


def test_an_edit_of_splits_while_the_rows_are_stored_survives_with_the_banks_amount(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a", 20.0)], to="C1"))
    linked.pull()
    entry = linked.entry("a")

    def answer() -> dict[str, Any]:
        put_splits(api, "u1", entry, [Part("MEDICAL", Decimal(5))])
        return page(modified=[row("a", 30.0)], to="C2")

    linked.bank.at("C1", answer)

    linked.pull()

    shown = ledger.get_transaction(api, "u1", entry)
    assert (shown["amount"], shown["remainder"], shown["splits"][0]["amount"]) == ("30", "25", "5")


def rule(api: Deps, category_id: str, text: str) -> None:
    rulebook.add_rule(api, "u1", {"category_id": category_id, "name_match": "contains", "name_text": text})


def test_a_rule_decides_as_rows_arrive_and_as_they_change(linked: Linked, api: Deps) -> None:
    rule(api, "TRAVEL", "uber")
    linked.bank.at(None, page(added=[row("a", name="UBER 42"), row("b"), pending("c", name="Uber")], to="C1"))
    renamed = [row("a", name="Something else"), row("b", name="Uber Eats")]
    linked.bank.at("C1", page(modified=renamed, to="C2"))

    linked.pull()
    assert decided(linked) == {"a": "TRAVEL", "b": None, "c": "TRAVEL"}
    linked.pull()
    assert decided(linked) == {"a": None, "b": "TRAVEL", "c": "TRAVEL"}


def test_the_posted_row_is_judged_and_not_the_pending_one(linked: Linked, api: Deps) -> None:
    rule(api, "TRAVEL", "uber")
    linked.bank.at(None, page(added=[pending("p", name="TEMP HOLD")], to="C1"))
    linked.bank.at("C1", page(added=[row("q", name="UBER 42", pending_transaction_id="p")], removed=["p"], to="C2"))
    linked.pull()
    assert decided(linked) == {"p": None}

    linked.pull()

    assert decided(linked) == {"q": "TRAVEL"}


def test_a_rule_never_touches_what_the_user_said(linked: Linked, api: Deps) -> None:
    rule(api, "TRAVEL", "shop")
    linked.bank.at(None, page(added=[row("a", 20.0)], to="C1"))
    linked.bank.at("C1", page(modified=[row("a", 21.0)], to="C2"))
    linked.pull()
    ledger.edit_entry(api, "u1", linked.entry("a"), category_id="MEDICAL", note="x")
    before = said(linked)

    linked.pull()

    assert (said(linked), decided(linked)) == (before, {"a": "TRAVEL"})
    assert ledger.get_transaction(api, "u1", linked.entry("a"))["categoryOwner"] == "user"


def test_the_same_rows_again_write_and_mark_nothing_under_rules(linked: Linked, api: Deps) -> None:
    rule(api, "TRAVEL", "shop")
    linked.bank.at(None, page(added=[row("a"), row("b")], to="C1"))
    linked.bank.at("C1", page(added=[row("a"), row("b")], modified=[row("a")], to="C2"))
    linked.pull()
    before = linked.marks(), linked.database.sql("select ctid, * from entries order by id")

    linked.pull()

    assert (linked.marks(), linked.database.sql("select ctid, * from entries order by id")) == before


@pytest.fixture
def statements(linked: Linked) -> Callable[[], list[str]]:
    """The statements of the worker so far."""
    seen: list[str] = []
    event.listen(linked.deps.engine, "before_cursor_execute", lambda *told: seen.append(told[2]))
    return lambda: seen


def test_without_rules_one_look_is_all_they_cost(linked: Linked, statements: Callable[[], list[str]]) -> None:
    linked.bank.at(None, page(added=[row("a")]))

    linked.pull()

    (look,) = [one for one in statements() if "category_rules" in one]
    assert "update" not in look


def test_a_row_stored_anew_forgets_a_rule_that_went_meanwhile(linked: Linked, api: Deps) -> None:
    rule(api, "TRAVEL", "shop")
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(removed=["a"], to="C2"))
    linked.bank.at("C2", page(added=[row("a")], to="C3"))
    linked.pull()
    linked.pull()
    (standing,) = rulebook.list_rules(api, "u1")
    rulebook.remove_rule(api, "u1", standing["id"])

    linked.pull()

    assert decided(linked) == {"a": None}


def decided(linked: Linked) -> dict[str, str | None]:
    """What the rules say of each live row."""
    return dict(
        linked.database.sql(
            "select plaid_transaction_id, rule_category_id from transactions t join entries e on e.id = t.entry_id "
            "where t.removed_at is null"
        )
    )

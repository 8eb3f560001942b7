"""Splits: parts in categories of their own, the remainder in the entry's, totals that are always the bank's."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sync.errors import InvalidFields, TransactionNotFound
from sync.ledger import budgets, categories, ledger, spend
from sync.ledger.splits import MOST, Part, put_splits
from tests.integration.ledger.conftest import Scene, paths

NOVEMBER = date(2026, 11, 1)


@pytest.fixture
def account_id(scene: Scene) -> uuid.UUID:
    """Alice's account."""
    return scene.link("alice")[1]


@pytest.fixture
def entry_id(scene: Scene, account_id: uuid.UUID) -> str:
    """A bank row of 100 USD of alice's, in groceries."""
    made = scene.bank_row("alice", account_id, amount="100", bank_category_id="GENERAL_MERCHANDISE")
    scene.forget_marks()
    return made


def split(
    scene: Scene, entry_id: str, *parts: tuple[str, str], user_id: str = "alice"
) -> tuple[dict[str, Any], list[str]]:
    """Splits by (category, amount); answers the transaction, and what was marked."""
    shown, marked = put_splits(
        scene.deps, user_id, entry_id, [Part(category, Decimal(amount)) for category, amount in parts]
    )
    return shown, paths(marked)


def by_category(scene: Scene, currency: str = "USD") -> dict[str, tuple[str, int]]:
    """November's categories of alice, in spend and outside: amount and count."""
    totals = spend.get_month(scene.deps, "alice", NOVEMBER)["currencies"][currency]
    both = totals["categories"] | totals["outside"]
    return {category: (told["amount"], told["count"]) for category, told in both.items()}


def test_a_split_moves_its_parts_and_leaves_the_remainder(scene: Scene, entry_id: str) -> None:
    shown, marked = split(scene, entry_id, ("TRAVEL", "30.5"), ("MEDICAL", "9.5"))

    assert marked == ["months/2026-11", f"transactions/{entry_id}"]
    assert [(one["categoryId"], one["amount"], one["amountMinor"]) for one in shown["splits"]] == [
        ("TRAVEL", "30.5", 3050),
        ("MEDICAL", "9.5", 950),
    ]
    assert (shown["remainder"], shown["remainderMinor"], shown["splitsExceed"]) == ("60", 6000, False)
    assert (shown["amount"], shown["categoryId"]) == ("100", "GENERAL_MERCHANDISE")
    assert by_category(scene) == {"GENERAL_MERCHANDISE": ("60", 1), "TRAVEL": ("30.5", 1), "MEDICAL": ("9.5", 1)}


def test_a_transaction_is_counted_once_in_the_month_and_once_in_each_of_its_categories(
    scene: Scene, entry_id: str, account_id: uuid.UUID
) -> None:
    scene.bank_row("alice", account_id, amount="7", bank_category_id="TRAVEL", pending=True)
    split(scene, entry_id, ("TRAVEL", "10"), ("TRAVEL", "20"), ("GENERAL_MERCHANDISE", "5"))

    month = spend.get_month(scene.deps, "alice", NOVEMBER)

    assert (month["count"], month["pendingCount"], month["currencies"]["USD"]["count"]) == (2, 1, 2)
    assert by_category(scene) == {"GENERAL_MERCHANDISE": ("70", 1), "TRAVEL": ("37", 2)}


def test_what_is_split_whole_leaves_nothing_in_its_own_category(scene: Scene, entry_id: str) -> None:
    shown, _ = split(scene, entry_id, ("TRAVEL", "60"), ("MEDICAL", "40"))

    assert (shown["remainder"], shown["remainderMinor"]) == ("0", 0)
    assert by_category(scene) == {"TRAVEL": ("60", 1), "MEDICAL": ("40", 1)}
    month = spend.get_month(scene.deps, "alice", NOVEMBER)
    assert (month["count"], month["currencies"]["USD"]["spend"]) == (1, "100")


def test_parts_count_in_spend_or_outside_by_their_own_category(scene: Scene, entry_id: str) -> None:
    split(scene, entry_id, ("TRANSFER_OUT", "25"))

    usd = spend.get_month(scene.deps, "alice", NOVEMBER)["currencies"]["USD"]

    assert (usd["spend"], usd["outside"]["TRANSFER_OUT"]["amount"]) == ("75", "25")


def test_a_budget_counts_its_part(scene: Scene, entry_id: str) -> None:
    budgets.add_budget(
        scene.deps, "alice", category_id="TRAVEL", currency="USD", limit=Decimal(50), starts_month=NOVEMBER
    )
    split(scene, entry_id, ("TRAVEL", "12.34"))

    (progress,) = spend.get_month(scene.deps, "alice", NOVEMBER)["budgets"]

    assert (progress["spent"], progress["spentMinor"]) == ("12.34", 1234)


def test_the_same_splits_again_mark_nothing_and_others_replace_them(scene: Scene, entry_id: str) -> None:
    first = split(scene, entry_id, ("TRAVEL", "30"), ("MEDICAL", "10"))

    assert split(scene, entry_id, ("TRAVEL", "30"), ("MEDICAL", "10")) == (first[0], [])
    shown, marked = split(scene, entry_id, ("MEDICAL", "10"))
    assert (len(shown["splits"]), shown["remainder"]) == (1, "90")
    assert marked == ["months/2026-11", f"transactions/{entry_id}"]
    shown, marked = split(scene, entry_id)
    assert (shown["splits"], shown["remainder"], len(marked)) == ([], "100", 2)
    assert split(scene, entry_id)[1] == []
    assert by_category(scene) == {"GENERAL_MERCHANDISE": ("100", 1)}


def test_a_note_on_a_part_moves_no_total(scene: Scene, entry_id: str) -> None:
    split(scene, entry_id, ("TRAVEL", "30"))

    shown, marked = put_splits(scene.deps, "alice", entry_id, [Part("TRAVEL", Decimal(30), " taxi ")])

    assert shown["splits"][0]["note"] == "taxi"
    assert paths(marked) == [f"transactions/{entry_id}"]


def test_the_banks_amount_flows_into_the_remainder(scene: Scene, entry_id: str) -> None:
    split(scene, entry_id, ("TRAVEL", "30"))

    scene.database.sql("update transactions set amount = 118")

    shown = ledger.get_transaction(scene.deps, "alice", entry_id)
    assert (shown["remainder"], shown["splits"][0]["amount"]) == ("88", "30")
    assert by_category(scene) == {"GENERAL_MERCHANDISE": ("88", 1), "TRAVEL": ("30", 1)}


@pytest.mark.parametrize(
    ("whole", "part", "later", "remainder"),
    [("100", "80", "50", "-30"), ("-100", "-80", "-50", "30"), ("100", "80", "-10", "-90"), ("100", "80", "0", "-80")],
)
def test_an_amount_lowered_below_its_parts_drops_nothing_and_says_so(
    scene: Scene, account_id: uuid.UUID, whole: str, part: str, later: str, remainder: str
) -> None:
    entry_id = scene.bank_row("alice", account_id, amount=whole)
    split(scene, entry_id, ("TRAVEL", part))
    scene.database.sql("update transactions set amount = %s", later)

    shown = ledger.get_transaction(scene.deps, "alice", entry_id)

    assert (shown["remainder"], shown["splitsExceed"], shown["splits"][0]["amount"]) == (remainder, True, part)
    assert {category: told[0] for category, told in by_category(scene).items()} == {
        "FOOD_AND_DRINK": remainder,
        "TRAVEL": part,
    }


def test_the_users_category_moves_the_remainder_alone(scene: Scene, entry_id: str) -> None:
    split(scene, entry_id, ("TRAVEL", "30"))

    ledger.set_category(scene.deps, "alice", entry_id, "MEDICAL")

    assert by_category(scene) == {"MEDICAL": ("70", 1), "TRAVEL": ("30", 1)}


def test_a_refund_and_an_expense_by_hand_are_split_like_any_other(scene: Scene, account_id: uuid.UUID) -> None:
    refund = scene.bank_row("alice", account_id, amount="-20")
    by_hand, _ = ledger.add_expense(
        scene.deps, "alice", amount=Decimal("9.99"), currency="EUR", on=NOVEMBER, name="x", category_id="TRAVEL"
    )

    assert split(scene, refund, ("TRAVEL", "-5"))[0]["remainder"] == "-15"
    assert split(scene, by_hand["id"], ("MEDICAL", "3.33"))[0]["remainder"] == "6.66"
    assert by_category(scene, "EUR") == {"TRAVEL": ("6.66", 1), "MEDICAL": ("3.33", 1)}


def test_every_digit_of_a_part_is_kept(scene: Scene, account_id: uuid.UUID) -> None:
    entry_id = scene.bank_row("alice", account_id, amount="999999999999999.0123456789")

    shown, _ = split(scene, entry_id, ("TRAVEL", "0.0000000001"), ("MEDICAL", "0.005"))

    assert shown["remainder"] == "999999999999999.0073456788"
    assert (shown["splits"][0]["amount"], shown["splits"][0]["amountMinor"]) == ("0.0000000001", 0)


def test_parts_of_an_unofficial_currency_have_no_minor_units(scene: Scene, account_id: uuid.UUID) -> None:
    coin = scene.bank_row("alice", account_id, amount="0.5", iso_currency=None, unofficial_currency="BTC")

    shown, _ = split(scene, coin, ("INCOME", "0.2"))

    assert (shown["splits"][0]["amountMinor"], shown["remainderMinor"], shown["remainder"]) == (None, None, "0.3")
    assert spend.get_month(scene.deps, "alice", NOVEMBER)["unofficial"] == {"BTC": {"spend": "0.3", "count": 1}}


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([("TRAVEL", "0")], "splits[0].amount"),
        ([("TRAVEL", "10"), ("TRAVEL", "-1")], "splits[1].amount"),
        ([("TRAVEL", "99.99"), ("MEDICAL", "0.02")], "splits[1].amount"),
        ([("TRAVEL", "0.00000000001")], "splits[0].amount"),
        ([("NOWHERE", "1")], "splits[0].categoryId"),
        ([("TRAVEL", "1")] * (MOST + 1), "splits"),
    ],
)
def test_parts_that_cannot_be_are_refused_by_name(
    scene: Scene, entry_id: str, parts: list[tuple[str, str]], field: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        split(scene, entry_id, *parts)

    assert [field] == list(refused.value.errors)
    assert scene.marks("alice") == {}


def test_a_note_that_cannot_be_is_refused_by_name(scene: Scene, entry_id: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        put_splits(scene.deps, "alice", entry_id, [Part("TRAVEL", Decimal(1), "x" * 501)])

    assert list(refused.value.errors) == ["splits[0].note"]


def test_anothers_transaction_and_category_are_as_unknown_as_none(scene: Scene, entry_id: str) -> None:
    bobs, _ = categories.add_category(scene.deps, "bob", "Bob's")

    for target in (entry_id, str(uuid.uuid4()), "not-an-id"):
        with pytest.raises(TransactionNotFound):
            split(scene, target, ("TRAVEL", "1"), user_id="bob")
    with pytest.raises(InvalidFields):
        split(scene, entry_id, (bobs["id"], "1"))


def test_a_category_that_goes_gives_its_parts_back(scene: Scene, entry_id: str) -> None:
    own, _ = categories.add_category(scene.deps, "alice", "Dogs")
    split(scene, entry_id, (own["id"], "30"), ("TRAVEL", "10"))
    scene.forget_marks()

    _, marked = categories.remove_category(scene.deps, "alice", own["id"])

    assert paths(marked) == [f"categories/{own['id']}", "months/2026-11", f"transactions/{entry_id}"]
    shown = ledger.get_transaction(scene.deps, "alice", entry_id)
    assert ([one["categoryId"] for one in shown["splits"]], shown["remainder"]) == (["TRAVEL"], "90")
    assert split(scene, entry_id, ("TRAVEL", "10"))[0]["splits"] == shown["splits"]


def test_a_removed_expense_keeps_its_parts_until_it_is_restored(scene: Scene) -> None:
    row, _ = ledger.add_expense(
        scene.deps, "alice", amount=Decimal(10), currency="USD", on=NOVEMBER, name="x", category_id="TRAVEL"
    )
    split(scene, row["id"], ("MEDICAL", "4"))
    ledger.remove_expense(scene.deps, "alice", row["id"])
    assert spend.list_months(scene.deps, "alice") == []

    shown, _ = ledger.restore_expense(scene.deps, "alice", row["id"])

    assert shown["splits"][0]["amount"] == "4"
    assert by_category(scene) == {"TRAVEL": ("6", 1), "MEDICAL": ("4", 1)}

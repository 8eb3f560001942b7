"""The user's edits: each marks exactly the documents that may differ, a no-op marks nothing, and nobody else's entry
can be reached."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from sync import users
from sync.deps import Deps
from sync.errors import (
    BudgetExists,
    BudgetNotFound,
    CategoryExists,
    CategoryFixed,
    CategoryNotFound,
    InvalidFields,
    NotAnExpense,
    TransactionNotFound,
    UserNotFound,
)
from sync.ledger import budgets, categories, ledger
from tests.integration.ledger.conftest import Scene, paths

ON = date(2026, 11, 5)


@pytest.fixture
def entry_id(scene: Scene) -> str:
    """A bank row of alice's."""
    _, account_id = scene.link("alice")
    made = scene.bank_row("alice", account_id)
    scene.forget_marks()
    return made


def expense(scene: Scene, user_id: str = "alice", **changes: object) -> str:
    fields: dict[str, object] = {
        "amount": Decimal("4.50"),
        "currency": "USD",
        "on": ON,
        "name": "Bus",
        "category_id": "TRANSPORTATION",
    }
    row, _ = ledger.add_expense(scene.deps, user_id, **(fields | changes))  # type: ignore[arg-type]
    return str(row["id"])


def test_a_category_edit_marks_the_transaction_and_its_month(scene: Scene, entry_id: str) -> None:
    row, marked = ledger.set_category(scene.deps, "alice", entry_id, "TRAVEL")

    assert (row["categoryId"], row["categoryOwner"], bank_category(scene)) == ("TRAVEL", "user", "FOOD_AND_DRINK")
    assert ["months/2026-11", f"transactions/{entry_id}"] == paths(marked)


def test_a_note_edit_marks_the_transaction_alone(scene: Scene, entry_id: str) -> None:
    row, marked = ledger.set_note(scene.deps, "alice", entry_id, "  with Bob ")

    assert row["note"] == "with Bob"
    assert [f"transactions/{entry_id}"] == paths(marked)


def test_the_marks_of_an_edit_are_the_marks_in_the_ledger(scene: Scene, entry_id: str) -> None:
    _, marked = ledger.set_category(scene.deps, "alice", entry_id, "TRAVEL")

    expected = {f"/{path}": (mark.epoch, mark.number) for path, mark in zip(paths(marked), marked, strict=True)}
    assert expected == scene.marks("alice")


def test_an_edit_that_changes_nothing_marks_nothing(scene: Scene, entry_id: str) -> None:
    ledger.set_category(scene.deps, "alice", entry_id, "TRAVEL")

    assert ledger.set_category(scene.deps, "alice", entry_id, "TRAVEL")[1] == []
    assert ledger.set_note(scene.deps, "alice", entry_id, None)[1] == []


def test_an_edit_there_and_back_marks_twice_with_a_higher_version(scene: Scene, entry_id: str) -> None:
    _, there = ledger.set_category(scene.deps, "alice", entry_id, "TRAVEL")
    row, back = ledger.set_category(scene.deps, "alice", entry_id, None)

    assert row["categoryId"] == "FOOD_AND_DRINK"
    assert paths(there) == paths(back)
    assert all(before.number < after.number for before, after in zip(there, back, strict=True))


def test_category_and_note_of_one_edit_share_a_version(scene: Scene, entry_id: str) -> None:
    _, marked = ledger.edit_entry(scene.deps, "alice", entry_id, category_id="TRAVEL", note="x")

    assert len({mark.number for mark in marked}) == 1


def test_an_expense_is_added_removed_and_restored(scene: Scene) -> None:
    row, added = ledger.add_expense(
        scene.deps, "alice", amount=Decimal("4.5"), currency="USD", on=ON, name="Bus", category_id="TRANSPORTATION"
    )
    both = ["months/2026-11", f"transactions/{row['id']}"]
    assert both == paths(added)
    assert tuple(row[name] for name in ("source", "amount", "amountMinor", "categoryOwner", "accountId")) == (
        "manual",
        "4.5",
        450,
        "user",
        None,
    )

    assert both == paths(ledger.remove_expense(scene.deps, "alice", row["id"])[1])
    with pytest.raises(TransactionNotFound):
        ledger.get_transaction(scene.deps, "alice", row["id"])
    assert paths(ledger.remove_expense(scene.deps, "alice", row["id"])[1]) == []

    assert both == paths(ledger.restore_expense(scene.deps, "alice", row["id"])[1])
    assert row == ledger.get_transaction(scene.deps, "alice", row["id"])
    assert paths(ledger.restore_expense(scene.deps, "alice", row["id"])[1]) == []


def test_a_banks_transaction_cannot_be_removed_by_hand(scene: Scene, entry_id: str) -> None:
    with pytest.raises(NotAnExpense):
        ledger.remove_expense(scene.deps, "alice", entry_id)
    with pytest.raises(NotAnExpense):
        ledger.restore_expense(scene.deps, "alice", entry_id)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": Decimal(0)}, "amount"),
        ({"amount": Decimal("1e15")}, "amount"),
        ({"amount": Decimal("-1e15")}, "amount"),
        ({"amount": Decimal("NaN")}, "amount"),
        ({"amount": Decimal("0.00000000001")}, "amount"),
        ({"currency": "ZZZ"}, "currency"),
        ({"currency": "usd"}, "currency"),
        ({"on": date(1969, 12, 31)}, "date"),
        ({"on": date(2999, 1, 1)}, "date"),
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"note": ""}, "note"),
        ({"note": "x" * 501}, "note"),
        ({"category_id": "NOWHERE"}, "categoryId"),
        ({"category_id": "a\0b"}, "categoryId"),
    ],
)
def test_an_expense_that_cannot_be_is_refused_by_field(scene: Scene, changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        expense(scene, **changes)

    assert [field] == list(refused.value.errors)
    assert scene.marks("alice") == {}


def test_an_amount_keeps_ten_decimals(scene: Scene) -> None:
    entry_id = expense(scene, amount=Decimal("-999999999999999.0123456789"))

    assert ledger.get_transaction(scene.deps, "alice", entry_id)["amount"] == "-999999999999999.0123456789"


ANOTHERS: dict[str, Callable[[Deps, str], object]] = {
    "read": lambda deps, entry: ledger.get_transaction(deps, "bob", entry),
    "category": lambda deps, entry: ledger.set_category(deps, "bob", entry, "TRAVEL"),
    "note": lambda deps, entry: ledger.set_note(deps, "bob", entry, "mine"),
    "remove": lambda deps, entry: ledger.remove_expense(deps, "bob", entry),
    "restore": lambda deps, entry: ledger.restore_expense(deps, "bob", entry),
}


@pytest.mark.parametrize("attempt", ANOTHERS)
def test_anothers_transaction_answers_like_an_unknown_one(scene: Scene, entry_id: str, attempt: str) -> None:
    answers = []
    for target in (entry_id, expense(scene), str(uuid.uuid4()), "not-an-id"):
        with pytest.raises(TransactionNotFound) as refused:
            ANOTHERS[attempt](scene.deps, target)
        answers.append((str(refused.value), type(refused.value)))

    assert len(set(answers)) == 1
    assert scene.marks("bob") == {}


def test_anothers_category_answers_like_an_unknown_one(scene: Scene, entry_id: str) -> None:
    bobs, _ = categories.add_category(scene.deps, "bob", "Bob's")

    with pytest.raises(InvalidFields) as known:
        ledger.set_category(scene.deps, "alice", entry_id, bobs["id"])
    with pytest.raises(InvalidFields) as unknown:
        ledger.set_category(scene.deps, "alice", entry_id, "nowhere")
    assert known.value.errors == unknown.value.errors
    with pytest.raises(CategoryNotFound):
        categories.rename_category(scene.deps, "alice", bobs["id"], "Hers")
    with pytest.raises(CategoryNotFound):
        categories.remove_category(scene.deps, "alice", bobs["id"])


def test_a_category_of_ones_own_is_added_renamed_and_removed(scene: Scene, entry_id: str) -> None:
    category, added = categories.add_category(scene.deps, "alice", " Dogs ")
    assert [f"categories/{category['id']}"] == paths(added)
    assert category in categories.list_categories(scene.deps, "alice")
    assert category not in categories.list_categories(scene.deps, "bob")

    _, renamed = categories.rename_category(scene.deps, "alice", category["id"], "Cats")
    assert [f"categories/{category['id']}"] == paths(renamed)
    assert categories.rename_category(scene.deps, "alice", category["id"], "Cats")[1] == []

    ledger.set_category(scene.deps, "alice", entry_id, category["id"])
    budget, _ = add_budget(scene, category["id"])
    _, removed = categories.remove_category(scene.deps, "alice", category["id"])
    assert sorted(
        [f"budgets/{budget['id']}", f"categories/{category['id']}", "months/2026-11", f"transactions/{entry_id}"]
    ) == paths(removed)
    assert ledger.get_transaction(scene.deps, "alice", entry_id)["categoryId"] == "FOOD_AND_DRINK"
    with pytest.raises(CategoryNotFound):
        categories.remove_category(scene.deps, "alice", category["id"])
    with pytest.raises(InvalidFields):
        ledger.set_category(scene.deps, "alice", entry_id, category["id"])


def test_the_taxonomy_is_fixed_and_names_are_taken_once(scene: Scene) -> None:
    categories.add_category(scene.deps, "alice", "Dogs")

    for refused, attempt in (
        (CategoryExists, lambda: categories.add_category(scene.deps, "alice", "dogs")),
        (CategoryFixed, lambda: categories.rename_category(scene.deps, "alice", "TRAVEL", "Trips")),
        (CategoryFixed, lambda: categories.remove_category(scene.deps, "alice", "TRAVEL")),
        (InvalidFields, lambda: categories.add_category(scene.deps, "alice", "x" * 61)),
    ):
        with pytest.raises(refused):
            attempt()


def test_a_budget_marks_itself_and_the_months_from_its_start(scene: Scene, entry_id: str) -> None:
    _, account_id = scene.link("alice")
    scene.bank_row("alice", account_id, date=date(2026, 9, 1))
    scene.bank_row("alice", account_id, date=date(2026, 10, 1))
    scene.forget_marks()

    budget, added = add_budget(scene, "TRAVEL")
    assert [f"budgets/{budget['id']}", "months/2026-10", "months/2026-11"] == paths(added)
    changed, marked = budgets.change_budget(
        scene.deps, "alice", budget["id"], limit=Decimal("80.5"), starts_month=date(2026, 9, 1)
    )
    assert (changed["limit"], changed["limitMinor"], changed["startsMonth"]) == ("80.5", 8050, "2026-09")
    assert [f"budgets/{budget['id']}", "months/2026-09", "months/2026-10", "months/2026-11"] == paths(marked)
    assert budgets.change_budget(scene.deps, "alice", budget["id"])[1] == []
    assert [changed] == budgets.list_budgets(scene.deps, "alice")
    assert budgets.remove_budget(scene.deps, "alice", budget["id"])[1] != []
    assert budgets.list_budgets(scene.deps, "alice") == []


def test_a_budget_that_cannot_be_is_refused(scene: Scene) -> None:
    budget, _ = add_budget(scene, "TRAVEL")

    with pytest.raises(BudgetExists):
        add_budget(scene, "TRAVEL")
    with pytest.raises(InvalidFields):
        add_budget(scene, "FOOD_AND_DRINK", limit=Decimal(-1))
    with pytest.raises(InvalidFields):
        add_budget(scene, "FOOD_AND_DRINK", starts_month=date(2026, 10, 2))
    with pytest.raises(BudgetNotFound):
        budgets.change_budget(scene.deps, "bob", budget["id"], limit=Decimal(1))
    with pytest.raises(BudgetNotFound):
        budgets.remove_budget(scene.deps, "bob", budget["id"])


def test_signing_up_marks_the_head_and_signing_up_again_only_what_changed(scene: Scene) -> None:
    _, first = users.sign_up(scene.deps, "carol", "carol@example.com", None)
    _, same = users.sign_up(scene.deps, "carol", "carol@example.com", None)
    _, renamed = users.sign_up(scene.deps, "carol", "carol@example.com", "Carol")

    assert [[mark.path for mark in marks] for marks in (first, same, renamed)] == [["users/carol"], [], ["users/carol"]]
    assert users.get_user(scene.deps, "carol") == {
        "id": "carol",
        "email": "carol@example.com",
        "displayName": "Carol",
    }


def test_a_user_without_a_ledger_is_told_so_and_leaves_nothing(scene: Scene) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: users.get_user(scene.deps, "nobody"),
        lambda: expense(scene, "nobody"),
        lambda: categories.add_category(scene.deps, "nobody", "Dogs"),
    ]
    for attempt in attempts:
        with pytest.raises(UserNotFound):
            attempt()

    assert scene.database.sql("select owner from owners where owner = 'users/nobody'") == []


def add_budget(
    scene: Scene, category_id: str, limit: Decimal = Decimal(100), starts_month: date = date(2026, 10, 1)
) -> tuple[dict[str, object], list[object]]:
    return budgets.add_budget(  # type: ignore[return-value]
        scene.deps, "alice", category_id=category_id, currency="USD", limit=limit, starts_month=starts_month
    )


def bank_category(scene: Scene) -> str:
    return str(scene.database.sql("select bank_category_id from transactions")[0][0])

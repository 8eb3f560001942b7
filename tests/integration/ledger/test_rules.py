"""Category rules: the first that holds decides, below the user's word and above the bank's."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any

import pytest

from sync.errors import InvalidFields, RuleNotFound
from sync.ledger import categories, ledger, rulebook, rules
from tests.fixtures.deps import DepsFor
from tests.integration.ledger.conftest import Scene, paths


@pytest.fixture
def account_id(scene: Scene) -> uuid.UUID:
    """Alice's account."""
    return scene.link("alice")[1]


@pytest.fixture
def entry_id(scene: Scene, account_id: uuid.UUID) -> str:
    """A coffee of alice's for 12.34."""
    made = scene.bank_row("alice", account_id, name="STARBUCKS #0042", merchant_name="Starbucks")
    scene.forget_marks()
    return made


def add(scene: Scene, category_id: str, **conditions: Any) -> rulebook.Edited:
    return rulebook.add_rule(scene.deps, "alice", {"category_id": category_id, **conditions})


def named(text: str, match: str = "contains") -> dict[str, str]:
    return {"name_match": match, "name_text": text}


def shown(scene: Scene, entry_id: str) -> tuple[str, str]:
    row = ledger.get_transaction(scene.deps, "alice", entry_id)
    return row["categoryId"], row["categoryOwner"]


def test_a_new_rule_decides_what_is_there_and_marks_it(scene: Scene, entry_id: str) -> None:
    edited = add(scene, "TRAVEL", **named("starbucks"))

    assert shown(scene, entry_id) == ("TRAVEL", "rule")
    assert paths(edited.marked) == ["months/2026-11", f"transactions/{entry_id}"]
    assert (edited.changed, edited.applying) == (1, False)


HOLDS: dict[str, dict[str, Any]] = {
    "contains in the description": named("bucks #0"),
    "contains in the merchant, whatever the case": named("STARBUCKS"),
    "starts": named("starbucks #", "starts"),
    "equals the merchant": named("STARBUCKS", "equals"),
    "equals the description": named("starbucks #0042", "equals"),
    "direction": {"direction": "out"},
    "amount": {"min_amount": "12.34", "max_amount": "12.34"},
    "bank's category": {"bank_category_id": "FOOD_AND_DRINK"},
    "several": {**named("starbucks"), "direction": "out", "min_amount": "12"},
}
HOLDS_NOT: dict[str, dict[str, Any]] = {
    "no pattern language": named("starb%"),
    "no regular expression": named("star.*"),
    "not the start": named("bucks", "starts"),
    "not the whole": named("starbuck", "equals"),
    "other direction": {"direction": "in"},
    "too little": {"min_amount": "12.35"},
    "too much": {"max_amount": "12.33"},
    "other bank category": {"bank_category_id": "TRAVEL"},
    "one of several": {**named("starbucks"), "direction": "in"},
}


def conditions(told: dict[str, Any]) -> dict[str, Any]:
    from decimal import Decimal

    return {name: Decimal(value) if name.endswith("_amount") else value for name, value in told.items()}


@pytest.mark.parametrize("case", HOLDS)
def test_a_rule_holds(scene: Scene, entry_id: str, case: str) -> None:
    assert add(scene, "TRAVEL", **conditions(HOLDS[case])).changed == 1


@pytest.mark.parametrize("case", HOLDS_NOT)
def test_a_rule_does_not_hold(scene: Scene, entry_id: str, case: str) -> None:
    edited = add(scene, "TRAVEL", **conditions(HOLDS_NOT[case]))

    assert (edited.changed, edited.marked) == (0, [])


def test_letters_beyond_ascii_fold_too(scene: Scene, account_id: uuid.UUID) -> None:
    scene.bank_row("alice", account_id, name="CAFÉ ÜBERMORGEN")

    assert add(scene, "TRAVEL", **named("café über")).changed == 1


def test_a_rule_may_ask_for_an_account_and_for_money_in(scene: Scene, account_id: uuid.UUID, entry_id: str) -> None:
    other = scene.link("alice")[1]
    refund = scene.bank_row("alice", other, amount="-3")

    assert add(scene, "TRAVEL", account_id=other, direction="in").changed == 1
    assert (shown(scene, refund)[0], shown(scene, entry_id)[0]) == ("TRAVEL", "FOOD_AND_DRINK")


def test_the_newest_rule_stands_first_and_order_can_be_changed(scene: Scene, entry_id: str) -> None:
    first = add(scene, "TRAVEL", **named("starbucks"))
    second = add(scene, "MEDICAL", direction="out")
    assert shown(scene, entry_id) == ("MEDICAL", "rule")
    assert first.rule is not None
    assert second.rule is not None

    moved = rulebook.change_rule(scene.deps, "alice", first.rule["id"], {}, position=1)

    assert shown(scene, entry_id) == ("TRAVEL", "rule")
    assert moved.changed == 1
    assert [rule["id"] for rule in rulebook.list_rules(scene.deps, "alice")] == [first.rule["id"], second.rule["id"]]
    assert [rule["position"] for rule in rulebook.list_rules(scene.deps, "alice")] == [1, 2]
    again = rulebook.change_rule(scene.deps, "alice", first.rule["id"], {}, position=1)
    assert (again.changed, again.marked) == (0, [])
    rulebook.change_rule(scene.deps, "alice", first.rule["id"], {}, position=99)
    assert shown(scene, entry_id) == ("MEDICAL", "rule")


def test_the_user_stands_above_the_rule_and_the_rule_above_the_bank(scene: Scene, entry_id: str) -> None:
    edited = add(scene, "TRAVEL", **named("starbucks"))
    assert edited.rule is not None

    ledger.set_category(scene.deps, "alice", entry_id, "MEDICAL")
    assert shown(scene, entry_id) == ("MEDICAL", "user")
    ledger.set_category(scene.deps, "alice", entry_id, None)
    assert shown(scene, entry_id) == ("TRAVEL", "rule")
    removed = rulebook.remove_rule(scene.deps, "alice", edited.rule["id"])
    assert shown(scene, entry_id) == ("FOOD_AND_DRINK", "bank")
    assert paths(removed.marked) == ["months/2026-11", f"transactions/{entry_id}"]
    with pytest.raises(RuleNotFound):
        rulebook.remove_rule(scene.deps, "alice", edited.rule["id"])


def test_a_changed_rule_lets_go_and_takes_hold(scene: Scene, entry_id: str, account_id: uuid.UUID) -> None:
    edited = add(scene, "TRAVEL", **named("starbucks"))
    assert edited.rule is not None
    tea = scene.bank_row("alice", account_id, name="Tea")

    changed = rulebook.change_rule(scene.deps, "alice", edited.rule["id"], {"name_text": "tea", "category_id": "OTHER"})

    assert changed.rule == {**edited.rule, "nameText": "tea", "categoryId": "OTHER"}
    assert (shown(scene, tea), shown(scene, entry_id)) == (("OTHER", "rule"), ("FOOD_AND_DRINK", "bank"))
    dropped = rulebook.change_rule(
        scene.deps, "alice", edited.rule["id"], {"name_text": None, "name_match": None, "direction": "in"}
    )
    assert (dropped.rule and dropped.rule["nameText"], shown(scene, tea)[1]) == (None, "bank")


def test_expenses_by_hand_are_not_judged(scene: Scene) -> None:
    from decimal import Decimal

    row, _ = ledger.add_expense(
        scene.deps, "alice", amount=Decimal(3), currency="USD", on=date(2026, 11, 3), name="Starbucks"
    )

    assert add(scene, "TRAVEL", **named("starbucks")).changed == 0
    assert shown(scene, row["id"]) == ("UNCATEGORIZED", "bank")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"category_id": "TRAVEL"}, "nameText"),
        ({"category_id": "NOWHERE", "direction": "in"}, "categoryId"),
        ({"direction": "in"}, "categoryId"),
        ({"category_id": "TRAVEL", "name_text": "x"}, "nameMatch"),
        ({"category_id": "TRAVEL", "name_match": "regex", "name_text": "x"}, "nameMatch"),
        ({"category_id": "TRAVEL", "name_match": "equals", "name_text": "x" * 201}, "nameText"),
        ({"category_id": "TRAVEL", "direction": "sideways"}, "direction"),
        ({"category_id": "TRAVEL", "account_id": str(uuid.uuid4())}, "accountId"),
        ({"category_id": "TRAVEL", "account_id": "mine"}, "accountId"),
        ({"category_id": "TRAVEL", "min_amount": "-1"}, "minAmount"),
        ({"category_id": "TRAVEL", "min_amount": "2", "max_amount": "1"}, "maxAmount"),
        ({"category_id": "TRAVEL", "bank_category_id": "NOWHERE"}, "bankCategoryId"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_field(scene: Scene, given: dict[str, Any], field: str) -> None:
    for attempt in (rulebook.add_rule, rulebook.preview_rule):
        with pytest.raises(InvalidFields) as refused:
            attempt(scene.deps, "alice", conditions(given))
        assert [field] == list(refused.value.errors)
    assert rulebook.list_rules(scene.deps, "alice") == []


def test_there_are_at_most_a_hundred_rules(scene: Scene) -> None:
    scene.database.sql(
        "insert into category_rules (user_id, position, direction, category_id) "
        "select 'alice', n, 'in', 'OTHER' from generate_series(1, %s) as n",
        rulebook.MOST,
    )

    with pytest.raises(InvalidFields) as refused:
        add(scene, "TRAVEL", direction="out")
    assert list(refused.value.errors) == ["rules"]


def test_anothers_rule_account_and_category_are_as_unknown_as_none(scene: Scene, account_id: uuid.UUID) -> None:
    edited = add(scene, "TRAVEL", direction="out")
    assert edited.rule is not None
    bobs, _ = categories.add_category(scene.deps, "bob", "Bob's")

    for target in (edited.rule["id"], uuid.uuid4(), "not-an-id"):
        with pytest.raises(RuleNotFound):
            rulebook.remove_rule(scene.deps, "bob", target)
        with pytest.raises(RuleNotFound):
            rulebook.change_rule(scene.deps, "bob", target, {"category_id": "OTHER"})
    with pytest.raises(InvalidFields):
        add(scene, bobs["id"], direction="out")
    with pytest.raises(InvalidFields):
        rulebook.add_rule(scene.deps, "bob", {"category_id": "TRAVEL", "account_id": account_id})
    assert rulebook.list_rules(scene.deps, "bob") == []


def test_a_preview_counts_what_would_move_and_changes_nothing(scene: Scene, account_id: uuid.UUID) -> None:
    days = [date(2026, 10, 1) + timedelta(days=day) for day in range(25)]
    made = [scene.bank_row("alice", account_id, name=f"Shop {day}", date=day) for day in days]
    ledger.set_category(scene.deps, "alice", made[0], "MEDICAL")
    scene.bank_row("alice", account_id, name="Shop too", bank_category_id="TRAVEL")
    scene.bank_row("alice", account_id, name="elsewhere")
    scene.forget_marks()

    told = rulebook.preview_rule(scene.deps, "alice", {"category_id": "TRAVEL", **named("shop")})

    assert (told["matches"], told["changes"]) == (26, 24)
    assert [row["id"] for row in told["transactions"]] == made[:4:-1]
    assert scene.marks("alice") == {}
    assert add(scene, "TRAVEL", **named("shop")).changed == 26  # with those that the change does not show on


def test_a_category_that_goes_takes_its_rules_along(scene: Scene, entry_id: str) -> None:
    own, _ = categories.add_category(scene.deps, "alice", "Dogs")
    add(scene, "TRAVEL", direction="out")
    add(scene, own["id"], **named("starbucks"))
    assert shown(scene, entry_id) == (own["id"], "rule")

    categories.remove_category(scene.deps, "alice", own["id"])

    assert shown(scene, entry_id) == ("TRAVEL", "rule")
    assert [rule["categoryId"] for rule in rulebook.list_rules(scene.deps, "alice")] == ["TRAVEL"]


def test_a_row_that_is_gone_is_released_when_its_rule_goes(scene: Scene, entry_id: str) -> None:
    edited = add(scene, "TRAVEL", **named("starbucks"))
    assert edited.rule is not None
    scene.database.sql("update transactions set removed_at = now()")

    rulebook.remove_rule(scene.deps, "alice", edited.rule["id"])

    assert scene.database.sql("select rule_category_id from entries") == [(None,)]


@pytest.fixture
def many(scene: Scene, account_id: uuid.UUID) -> int:
    """So many rows of alice's that one step cannot judge them all; answers how many."""
    rows = rules.STEP * 2 + 100
    scene.database.sql(
        "with made as (insert into entries (user_id) select 'alice' from generate_series(1, %s) returning id), "
        "numbered as (select id, row_number() over () as n from made) "
        "insert into transactions (plaid_transaction_id, entry_id, user_id, account_id, source, amount, iso_currency, "
        "date, pending, name, bank_category_id) select id::text, id, 'alice', %s, 'bank', 1, 'USD', "
        "date '2026-11-20' - (n / 10)::int, false, 'Shop', 'OTHER' from numbered",
        rows,
        account_id,
    )
    scene.forget_marks()
    return rows


def decided(scene: Scene) -> int:
    return int(scene.database.sql("select count(*) from entries where rule_category_id = 'TRAVEL'")[0][0])


def test_many_rows_are_judged_newest_first_and_the_rest_by_the_worker(
    scene: Scene, many: int, deps_for: DepsFor
) -> None:
    edited = add(scene, "TRAVEL", **named("shop"))

    assert (edited.changed, edited.applying, decided(scene)) == (rules.STEP, True, rules.STEP)
    assert deps_for.bells[-1] == ("apply_rules", {"user_id": "alice"})
    newest = scene.database.sql("select min(t.date) from transactions t join entries e on e.id = t.entry_id "
                                "where e.rule_category_id is not null")  # fmt: skip
    assert newest == [(date(2026, 11, 20) - timedelta(days=rules.STEP // 10),)]

    worker = deps_for("worker")
    assert rules.ring_owed(worker) == ["alice"]
    assert rules.apply_rules(worker, "alice") == many - rules.STEP
    assert decided(scene) == many
    assert (rules.apply_rules(worker, "alice"), rules.ring_owed(worker)) == (0, [])


def test_a_pass_that_dies_is_owed_still_and_repeats_nothing(scene: Scene, many: int, deps_for: DepsFor) -> None:
    add(scene, "TRAVEL", **named("shop"))
    worker = deps_for("worker")
    rules._locked_step(worker, "alice", None)
    scene.forget_marks()

    assert rules.ring_owed(worker) == ["alice"]
    rules.apply_rules(worker, "alice")

    changed = [path for path in scene.marks("alice") if path.startswith("/transactions/")]
    assert (len(changed), decided(scene)) == (many - rules.STEP, many)


def test_a_rule_changed_during_a_pass_is_passed_again(scene: Scene, many: int, deps_for: DepsFor) -> None:
    first = add(scene, "TRAVEL", **named("shop"))
    assert first.rule is not None
    rulebook.change_rule(scene.deps, "alice", first.rule["id"], {"category_id": "MEDICAL"})

    rules.apply_rules(deps_for("worker"), "alice")

    assert scene.database.sql("select rule_category_id, count(*) from entries group by 1") == [("MEDICAL", many)]

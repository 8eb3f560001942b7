"""Splits and rules over HTTP: what is answered, what is marked, and what nobody else may touch."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.integration.http.conftest import House, Person


def paths(answer_json: dict[str, Any], person: Person) -> set[str]:
    return {mark["path"].removeprefix(f"users/{person.user_id}/") for mark in answer_json["marked"]}


def rule(person: Person, key: str | None = None, **fields: Any) -> Any:
    body = {"categoryId": "TRAVEL", "nameMatch": "contains", "nameText": "coffee"} | fields
    return person("POST", "/api/rules", body, **({} if key is None else {"Idempotency_Key": key}))


def test_splits_are_put_as_a_whole_and_twice_is_safe(house: House, alice: Person):
    entry = house.bank_row(alice.user_id)
    body = {
        "splits": [{"categoryId": "TRAVEL", "amount": "1.50", "note": "bus"}, {"categoryId": "MEDICAL", "amount": "1"}]
    }
    put = alice("PUT", f"/api/transactions/{entry}/splits", body)
    again = alice("PUT", f"/api/transactions/{entry}/splits", body)

    assert put.status_code == 200
    assert paths(put.json, alice) == {f"transactions/{entry}", "months/2026-11"}
    shown = put.json["transaction"]
    assert shown["splits"] == [
        {"categoryId": "TRAVEL", "amount": "1.5", "amountMinor": 150, "note": "bus"},
        {"categoryId": "MEDICAL", "amount": "1", "amountMinor": 100, "note": None},
    ]
    assert (shown["remainder"], shown["remainderMinor"], shown["splitsExceed"]) == ("2", 200, False)
    assert (again.json["transaction"], again.json["marked"]) == (shown, [])
    month = alice("GET", "/api/months/2026-11").json["month"]["currencies"]["USD"]
    assert {name: told["amount"] for name, told in month["categories"].items()} == {
        "FOOD_AND_DRINK": "2",
        "TRAVEL": "1.5",
        "MEDICAL": "1",
    }
    assert alice("GET", "/api/transactions?month=2026-11").json["transactions"] == [shown]
    assert alice("PUT", f"/api/transactions/{entry}/splits", {"splits": []}).json["transaction"]["splits"] == []


@pytest.mark.parametrize(
    ("splits", "field"),
    [
        ([{"categoryId": "TRAVEL", "amount": "4.51"}], "splits[0].amount"),
        ([{"categoryId": "TRAVEL", "amount": "-1"}], "splits[0].amount"),
        ([{"categoryId": "NOWHERE", "amount": "1"}], "splits[0].categoryId"),
        ([{"categoryId": "TRAVEL", "amount": "0.1"}] * 21, "splits"),
    ],
)
def test_a_part_that_cannot_be_is_named(house: House, alice: Person, splits: Any, field: str):
    entry = house.bank_row(alice.user_id)

    answer = alice("PUT", f"/api/transactions/{entry}/splits", {"splits": splits})

    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


@pytest.mark.parametrize("amount", [1, 1.5, "1e1", "", None])
def test_an_amount_of_a_part_is_a_decimal_string(house: House, alice: Person, amount: Any):
    entry = house.bank_row(alice.user_id)
    body = {"splits": [{"categoryId": "TRAVEL", "amount": amount}]}

    answer = alice("PUT", f"/api/transactions/{entry}/splits", body)

    assert (answer.status_code, list(answer.json["errors"])) == (422, ["splits.0.amount"])


def test_a_rule_is_made_once_per_key_and_answers_what_it_changed(house: House, alice: Person):
    entry = house.bank_row(alice.user_id)
    made = rule(alice, key="once")
    again = rule(alice, key="once")

    assert made.status_code == 201
    assert paths(made.json, alice) == {f"transactions/{entry}", "months/2026-11"}
    assert (made.json["changed"], made.json["applying"]) == (1, False)
    assert (again.json, again.headers["Idempotency-Replayed"]) == (made.json, "true")
    assert alice("GET", "/api/rules").json["rules"] == [made.json["rule"]]
    shown = alice("GET", f"/api/transactions/{entry}").json["transaction"]
    assert (shown["categoryId"], shown["categoryOwner"]) == ("TRAVEL", "rule")


def test_a_rule_is_changed_moved_and_removed(house: House, alice: Person):
    entry = house.bank_row(alice.user_id)
    first, second = rule(alice).json["rule"], rule(alice, categoryId="MEDICAL", minAmount="1").json["rule"]
    assert [one["id"] for one in alice("GET", "/api/rules").json["rules"]] == [second["id"], first["id"]]

    moved = alice("PATCH", f"/api/rules/{first['id']}", {"position": 1})
    changed = alice("PATCH", f"/api/rules/{first['id']}", {"nameText": "tea", "maxAmount": "10.50"})
    removed = alice("DELETE", f"/api/rules/{second['id']}")

    assert (moved.json["rule"]["position"], paths(moved.json, alice)) == (
        1,
        {f"transactions/{entry}", "months/2026-11"},
    )
    assert changed.json["rule"] == {**first, "nameText": "tea", "maxAmount": "10.5", "position": 1}
    assert (removed.status_code, removed.json["changed"]) == (200, 1)
    assert alice("GET", f"/api/transactions/{entry}").json["transaction"]["categoryOwner"] == "bank"


def test_a_preview_tells_and_changes_nothing(house: House, alice: Person):
    entry = house.bank_row(alice.user_id)
    house.bank_row(alice.user_id, bank_category_id="TRAVEL")

    told = alice("POST", "/api/rules/preview", {"categoryId": "TRAVEL", "direction": "out"})

    assert (told.status_code, told.json["matches"], told.json["changes"]) == (200, 2, 1)
    assert [one["id"] for one in told.json["transactions"]] == [entry]
    assert alice("GET", "/api/rules").json["rules"] == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"nameMatch": "regex"}, "nameMatch"),
        ({"nameMatch": None}, "nameMatch"),
        ({"direction": "up"}, "direction"),
        ({"minAmount": 5}, "minAmount"),
        ({"accountId": "mine"}, "accountId"),
        ({"accountId": str(uuid.uuid4())}, "accountId"),
        ({"bankCategoryId": "MOON"}, "bankCategoryId"),
        ({"more": 1}, "more"),
    ],
)
def test_a_rule_that_cannot_be_is_named_by_field(alice: Person, fields: dict[str, Any], field: str):
    answer = rule(alice, **fields)

    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


def test_another_users_splits_and_rules_are_unknown(house: House, alice: Person, bob: Person):
    theirs, entry = rule(bob).json["rule"]["id"], house.bank_row(bob.user_id)
    body = {"splits": [{"categoryId": "TRAVEL", "amount": "1"}]}
    for target in (theirs, uuid.uuid4()):
        assert alice("PATCH", f"/api/rules/{target}", {"position": 1}).json["code"] == "rule-not-found"
        assert alice("DELETE", f"/api/rules/{target}").json["code"] == "rule-not-found"
    assert alice("PUT", f"/api/transactions/{entry}/splits", body).json["code"] == "transaction-not-found"
    assert alice("GET", "/api/rules").json["rules"] == []

"""Questions about unmatched pendings over HTTP: asked, answered, taken back, and nobody else's."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pytest

from tests.integration.http.conftest import House, Person


@pytest.fixture
def question(house: House, alice: Person) -> dict[str, str]:
    """A posted coffee of 4.50 that may be a dropped pending one of 4.00 that alice filed under TRAVEL."""
    pending = house.bank_row(alice.user_id, amount="4", pending=True, name="COFFEE 1")
    alice("PATCH", f"/api/transactions/{pending}", {"categoryId": "TRAVEL"})
    house.database.sql("update transactions set removed_at = now() where entry_id = %s", pending)
    posted = house.bank_row(alice.user_id)
    ((review,),) = house.database.sql(
        "insert into reviews (user_id, pending_entry_id, posted_entry_id, score, name, amount, iso_currency, date) "
        "values (%s, %s, %s, 0.9, 'COFFEE 1', 4, 'USD', %s) returning id",
        alice.user_id, pending, posted, date(2026, 11, 5),
    )  # fmt: skip
    return {"id": str(review), "pending": pending, "posted": posted}


def paths(answer: Any, person: Person) -> set[str]:
    return {mark["path"].removeprefix(f"users/{person.user_id}/") for mark in answer.json["marked"]}


def test_a_question_is_listed_and_shown_on_the_posted_transaction(alice: Person, question: dict[str, str]):
    (listed,) = alice("GET", "/api/reviews").json["reviews"]
    shown = alice("GET", f"/api/transactions/{question['posted']}").json["transaction"]["review"]

    assert listed["decidedAt"] is None
    assert {key: listed[key] for key in ("id", "state", "pendingEntryId", "postedEntryId", "amount", "name")} == {
        "id": question["id"], "state": "open", "pendingEntryId": question["pending"],
        "postedEntryId": question["posted"], "amount": "4", "name": "COFFEE 1",
    }  # fmt: skip
    assert shown == {
        "id": question["id"], "state": "open", "otherEntryId": question["pending"], "name": "COFFEE 1",
        "amount": "4", "amountMinor": 400, "currency": "USD", "unofficialCurrency": None, "currencyDigits": 2,
        "date": "2026-11-05",
    }  # fmt: skip


def test_confirming_shows_one_transaction_under_the_pendings_id(alice: Person, question: dict[str, str]):
    answer = alice("POST", f"/api/reviews/{question['id']}/confirm")
    twice = alice("POST", f"/api/reviews/{question['id']}/confirm")
    joined = alice("GET", f"/api/transactions/{question['pending']}").json["transaction"]

    assert (answer.status_code, answer.json["review"]["state"]) == (200, "confirmed")
    assert paths(answer, alice) == {
        f"transactions/{question['pending']}", f"transactions/{question['posted']}", "months/2026-11"
    }  # fmt: skip
    assert (twice.status_code, twice.json["marked"]) == (200, [])
    assert (joined["amount"], joined["categoryId"], joined["review"]["state"]) == ("4.5", "TRAVEL", "confirmed")
    assert alice("GET", f"/api/transactions/{question['posted']}").status_code == 404
    assert len(alice("GET", "/api/transactions?month=2026-11").json["transactions"]) == 1
    assert alice("GET", "/api/months/2026-11").json["month"]["currencies"]["USD"]["spend"] == "4.5"


def test_undoing_brings_the_posted_transaction_back(alice: Person, question: dict[str, str]):
    before = alice("GET", "/api/transactions?month=2026-11").json["transactions"]
    alice("POST", f"/api/reviews/{question['id']}/confirm")
    undone = alice("POST", f"/api/reviews/{question['id']}/undo")
    after = alice("GET", "/api/transactions?month=2026-11").json["transactions"]

    assert undone.json["review"]["state"] == after[0]["review"].pop("state") == "undone"
    assert before[0]["review"].pop("state") == "open"
    assert after == before


def test_a_declined_question_is_not_shown_and_can_be_taken_back(alice: Person, question: dict[str, str]):
    declined = alice("POST", f"/api/reviews/{question['id']}/decline")
    shown = alice("GET", f"/api/transactions/{question['posted']}").json["transaction"]
    undone = alice("POST", f"/api/reviews/{question['id']}/undo")

    assert (declined.json["review"]["state"], shown["review"]) == ("declined", None)
    assert f"transactions/{question['posted']}" in paths(declined, alice)
    assert undone.json["review"]["state"] == "undone"


def test_a_confirmed_question_is_not_declined(alice: Person, question: dict[str, str]):
    alice("POST", f"/api/reviews/{question['id']}/confirm")
    answer = alice("POST", f"/api/reviews/{question['id']}/decline")

    assert (answer.status_code, answer.json["code"]) == (409, "review-confirmed")


def test_what_the_bank_has_settled_is_not_decided(house: House, alice: Person, question: dict[str, str]):
    house.database.sql("update transactions set removed_at = now() where entry_id = %s", question["posted"])
    gone = alice("POST", f"/api/reviews/{question['id']}/confirm")
    house.database.sql("update reviews set state = 'closed'")
    closed = [alice("POST", f"/api/reviews/{question['id']}/{verb}") for verb in ("confirm", "decline", "undo")]

    assert {(answer.status_code, answer.json["code"]) for answer in (gone, *closed)} == {(409, "review-closed")}


def test_nobody_elses_question_can_be_seen_or_answered(alice: Person, bob: Person, question: dict[str, str]):
    assert bob("GET", "/api/reviews").json == {"reviews": []}
    for name in (question["id"], uuid.uuid4()):
        for verb in ("confirm", "decline", "undo"):
            answer = bob("POST", f"/api/reviews/{name}/{verb}")
            assert (answer.status_code, answer.json["code"]) == (404, "review-not-found")
    assert alice("GET", "/api/reviews").json["reviews"][0]["state"] == "open"

"""What open pages tell: acknowledged versions, repairs, and the trace that every request carries."""

from __future__ import annotations

import dataclasses
import secrets
from typing import Any

import pytest

from api.app import create_app
from sync.metrics import REGISTRY
from tests.integration.http.conftest import House, Person

SCREEN = "screen-0001"


@pytest.fixture
def committed(house: House, alice: Person) -> dict[str, Any]:
    """An edit of alice's, as if the mirror had committed and acknowledged it."""
    answer = alice.expense().json
    number = answer["marked"][0]["version"]["number"]
    house.database.sql(
        "insert into trace_hops (owner, epoch, number, commit_name, trace_id, origin, documents, began_at, marked_at, "
        "claimed_at, built_at, sent_at, committed_at) values (%s, 1, %s, 'c', %s, 'POST', 2, now(), now(), now(), "
        "now(), now(), now())",
        f"users/{alice.user_id}", number, answer["trace"],
    )  # fmt: skip
    return {"epoch": 1, "number": number, "trace": answer["trace"]}


def telling(*versions: dict[str, Any], screen: str = SCREEN, **more: Any) -> dict[str, Any]:
    return {
        "screen": screen,
        "versions": [
            {"epoch": one["epoch"], "number": one["number"], "receivedMsAgo": 900, "renderedMsAgo": 850.5}
            for one in versions
        ],
        **more,
    }


def whole() -> float:
    return REGISTRY.get_sample_value("livespend_hop_seconds_count", {"hop": "whole"}) or 0


def test_a_request_goes_on_with_its_trace_and_answers_it(alice: Person):
    trace = secrets.token_hex(16)

    answer = alice("GET", "/api/me", Traceparent=f"00-{trace}-{secrets.token_hex(8)}-01")

    assert answer.headers["Traceparent"].split("-")[1] == trace


@pytest.mark.parametrize("given", ["", "x", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'A' * 32}-{'1' * 16}-01", "ff-" * 9])
def test_what_is_no_trace_is_answered_with_a_new_one(alice: Person, given: str):
    first, second = (alice("GET", "/api/me", Traceparent=given).headers["Traceparent"].split("-") for _ in range(2))

    assert len(first[1]) == 32
    assert first[1] != second[1]
    assert first[1] not in given


def test_an_edit_answers_the_trace_that_its_marks_carry(house: House, alice: Person):
    answer = alice.expense()

    marks = house.database.sql(
        "select distinct trace_id, origin from changes where trace_id = %s", answer.json["trace"]
    )
    assert marks == [(answer.headers["Traceparent"].split("-")[1], "POST /api/transactions")]


def test_a_replayed_answer_names_the_trace_of_the_first(alice: Person):
    first, again = alice.expense("key-1"), alice.expense("key-1")

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json["trace"] == first.json["trace"]


def test_a_screen_acknowledges_a_version_once(house: House, alice: Person, committed: dict[str, Any]):
    before = whole()

    first = alice("POST", "/api/acknowledgements", telling(committed, committed, roundTripMs=20))
    again = alice("POST", "/api/acknowledgements", telling(committed))
    other = alice("POST", "/api/acknowledgements", telling(committed, screen="screen-0002"))

    assert [answer.json for answer in (first, again, other)] == [{"noted": 1}, {"noted": 0}, {"noted": 1}]
    assert whole() == before + 2
    assert house.database.sql("select distinct rendered_at - received_at from trace_screens")[0][
        0
    ].total_seconds() == pytest.approx(0.0495)


def test_what_was_never_committed_for_this_user_is_not_noted(
    house: House, alice: Person, bob: Person, committed: dict[str, Any]
):
    unknown = {"epoch": 1, "number": 10**9}

    assert alice("POST", "/api/acknowledgements", telling(unknown)).json == {"noted": 0}
    assert bob("POST", "/api/acknowledgements", telling(committed)).json == {"noted": 0}
    assert house.database.sql("select count(*) from trace_screens") == [(0,)]


def test_no_flood_of_screens_fills_the_table(house: House, alice: Person, committed: dict[str, Any]):
    for number in range(25):
        alice("POST", "/api/acknowledgements", telling(committed, screen=f"screen-{number:04}"))

    assert house.database.sql("select count(*) from trace_screens") == [(20,)]


def test_acknowledgements_that_come_too_often_are_refused(alice: Person, committed: dict[str, Any]):
    answers = [alice("POST", "/api/acknowledgements", telling(committed)) for _ in range(61)]

    assert {answer.status_code for answer in answers[:60]} == {200}
    assert answers[60].status_code == 429
    assert answers[60].json["code"] == "too-many-requests"
    assert answers[60].headers["Retry-After"]


@pytest.mark.parametrize(
    "body",
    [
        {"screen": "x", "versions": [{"epoch": 1, "number": 1, "receivedMsAgo": 1, "renderedMsAgo": 1}]},
        {"screen": SCREEN, "versions": []},
        {"screen": SCREEN, "versions": [{"epoch": 1, "number": 1, "receivedMsAgo": -1, "renderedMsAgo": 1}]},
        {"screen": SCREEN, "versions": [{"epoch": 1, "number": 2**60, "receivedMsAgo": 1, "renderedMsAgo": 1}]},
        {"screen": SCREEN, "versions": [{"epoch": 1, "number": 1, "receivedMsAgo": 10**9, "renderedMsAgo": 1}]},
        telling(*[{"epoch": 1, "number": n} for n in range(101)]),
    ],
)
def test_a_telling_that_makes_no_sense_is_refused(alice: Person, body: dict[str, Any]):
    assert alice("POST", "/api/acknowledgements", body).status_code == 422


def test_a_repair_marks_the_days_rows_the_month_and_what_the_page_shows(house: House, alice: Person):
    kept = house.bank_row(alice.user_id)
    other_day = house.bank_row(alice.user_id, authorized_date="2026-11-20")
    house.bank_row(alice.user_id, authorized_date="2026-11-21")
    house.database.sql("update owners set first_month = '2026-01-01'")
    house.database.sql("delete from changes")
    ghost = "11111111-1111-4111-8111-111111111111"

    body = {"month": "2026-11", "days": ["2026-11-04"], "shown": [ghost, other_day]}
    answer = alice("POST", "/api/repairs", body)

    assert answer.json == {"documents": 4}
    marked = {path.split("/", 2)[2] for (path,) in house.database.sql("select path from changes")}
    assert marked == {"months/2026-11", *(f"transactions/{entry}" for entry in (kept, other_day, ghost))}


def test_who_asks_for_a_repair_is_audited_next(house: House, alice: Person):
    """What the ledger never had is found by reading all that is there."""
    owner = f"users/{alice.user_id}"
    house.database.sql("insert into mirror_audits (owner, audited_at, full_at) values (%s, now(), now())", owner)

    alice("POST", "/api/repairs", {"month": "2026-11", "days": [], "shown": []})

    assert house.database.sql("select owner, audited_at, full_at from mirror_audits") == [(owner, None, None)]


def test_repairs_are_bounded_per_user(house: House, alice: Person, bob: Person):
    body = {"month": "2026-11", "days": [], "shown": []}
    answers = [alice("POST", "/api/repairs", body) for _ in range(21)]

    assert {answer.status_code for answer in answers[:20]} == {200}
    assert (answers[20].status_code, answers[20].json["code"]) == (429, "too-many-repairs")
    assert bob("POST", "/api/repairs", body).status_code == 200
    assert house.database.sql("select count(*) from repair_requests") == [(21,)]


def test_a_member_acknowledges_and_repairs_what_a_household_shows(house: House, alice: Person, bob: Person):
    home = alice("POST", "/api/households", {"name": "Castle"}).json["household"]["id"]
    entry = house.bank_row(alice.user_id)
    house.database.sql("update owners set first_month = '2026-01-01'")
    shared = alice("PUT", f"/api/households/{home}/shares", {"everything": True}).json
    number = shared["marked"][0]["version"]["number"]
    house.database.sql(
        "insert into trace_hops (owner, epoch, number, commit_name, trace_id, origin, documents, began_at, marked_at, "
        "claimed_at, built_at, sent_at, committed_at) values (%s, 1, %s, 'c', %s, 'PUT', 2, now(), now(), now(), "
        "now(), now(), now())",
        f"households/{home}", number, shared["trace"],
    )  # fmt: skip
    house.database.sql("delete from changes")
    told = telling({"epoch": 1, "number": number}, household=home)
    body = {"month": "2026-11", "days": ["2026-11-04"], "shown": [], "household": home}

    assert bob("POST", "/api/acknowledgements", told).json == {"noted": 0}
    assert (bob("POST", "/api/repairs", body).json["code"]) == "household-not-found"
    assert house.database.sql("select count(*) from changes") == [(0,)]
    assert alice("POST", "/api/acknowledgements", told).json == {"noted": 1}
    assert house.database.sql("select owner from trace_screens") == [(f"households/{home}",)]
    assert alice("POST", "/api/repairs", body).json == {"documents": 2}
    marked = {path.split("/", 2)[2] for (path,) in house.database.sql("select path from changes")}
    assert marked == {"months/2026-11", f"transactions/{entry}"}


def test_metrics_are_for_whom_has_the_token(house: House):
    token = secrets.token_hex(16)
    guarded = dataclasses.replace(house.deps, settings=dataclasses.replace(house.deps.settings, metrics_token=token))
    away = dataclasses.replace(house.deps, settings=dataclasses.replace(house.deps.settings, app_env="production"))
    client = create_app(guarded).test_client()

    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer no"}).status_code == 404
    page = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert "livespend_hop_seconds_bucket" in page.text
    assert page.content_type.startswith("text/plain")
    assert create_app(away).test_client().get("/metrics").status_code == 404
    assert house.app.test_client().get("/metrics").status_code == 200

"""The same wish sent twice: one row, one answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from sync import idempotency
from tests.fixtures.deps import DepsFor
from tests.integration.http.conftest import House, Person


def rows(house: House, table: str = "transactions") -> int:
    return house.database.sql(f"select count(*) from {table} where user_id is not null")[0][0]


def test_a_retry_gets_the_same_answer_and_creates_nothing(house: House, alice: Person):
    first = alice.expense(key="wish-1")
    again = alice.expense(key="wish-1")

    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert rows(house) == 1


def test_without_a_key_every_request_creates(house: House, alice: Person):
    alice.expense()
    alice.expense()

    assert rows(house) == 2


def test_spacing_and_order_of_the_body_do_not_matter(house: House, alice: Person):
    headers = {"Authorization": f"Bearer {alice.token}", "Idempotency-Key": "wish-1"}
    for body in ('{"name": "Coffee"}', ' { "name" :\n"Coffee" } '):
        assert alice.app.test_client().post("/api/categories", data=body, headers=headers).status_code == 201

    assert rows(house, "categories") == 1


def test_another_body_under_the_same_key_is_refused(house: House, alice: Person):
    alice.expense(key="wish-1")
    answer = alice.expense(key="wish-1", amount="99")

    assert (answer.status_code, answer.json["code"]) == (422, "idempotency-key-reused")
    assert rows(house) == 1


def test_another_route_under_the_same_key_is_refused(house: House, alice: Person):
    alice("POST", "/api/categories", {"name": "Coffee"}, Idempotency_Key="wish-1")
    answer = alice.expense(key="wish-1")

    assert answer.json["code"] == "idempotency-key-reused"
    assert rows(house) == 0


def test_a_key_belongs_to_its_user(house: House, alice: Person, bob: Person):
    mine, theirs = alice.expense(key="wish-1"), bob.expense(key="wish-1")

    assert mine.json["transaction"]["id"] != theirs.json["transaction"]["id"]
    assert rows(house) == 2


def test_an_error_is_not_remembered(house: House, alice: Person):
    refused = alice.expense(key="wish-1", categoryId="NO_SUCH_CATEGORY")
    house.database.sql("insert into categories (id, name) values ('NO_SUCH_CATEGORY', 'Now there is')")
    again = alice.expense(key="wish-1", categoryId="NO_SUCH_CATEGORY")

    assert (refused.status_code, again.status_code) == (422, 201)
    assert rows(house) == 1


def test_a_key_of_the_wrong_form_is_refused(house: House, alice: Person):
    for key in ("", "x" * 129, "with space", "\xfcmlaut"):
        answer = alice.expense(key=key)
        assert (answer.status_code, answer.json["errors"].keys()) == (422, {"Idempotency-Key"}), key

    assert rows(house) == 0


def test_both_of_two_requests_at_once_get_the_winners_answer(house: House, alice: Person):
    together = threading.Barrier(4)

    def send(_: int):
        together.wait()
        return alice.expense(key="wish-1")

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(send, range(4)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["transaction"]["id"] for answer in answers}) == 1
    assert sorted("Idempotency-Replayed" in answer.headers for answer in answers) == [False, True, True, True]
    assert rows(house) == 1


def test_row_and_stored_answer_are_one_commit(house: House, alice: Person):
    house.database.sql(
        "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$"
    )
    house.database.sql("create trigger refuse before insert on idempotency_keys for each row execute function refuse()")
    answer = alice.expense(key="wish-1")

    assert (answer.status_code, answer.json["code"]) == (500, "internal")
    assert rows(house) == 0
    assert house.database.sql("select count(*) from changes where path like '%%/transactions/%%'") == [(0,)]


def test_the_version_that_was_answered_is_the_one_that_was_marked(house: House, alice: Person, deps_for: DepsFor):
    answer = alice.expense(key="wish-1").json
    marked = house.database.sql("select path, epoch, number from changes where path = %s", answer["marked"][0]["path"])

    mark = answer["marked"][0]
    assert marked == [(mark["path"], mark["version"]["epoch"], mark["version"]["number"])]


def test_a_key_is_forgotten_when_no_edit_made_offline_can_still_carry_it(
    house: House, alice: Person, deps_for: DepsFor
):
    alice.expense(key="wish-1")
    house.database.sql("update idempotency_keys set created_at = now() - interval '32 days 1 hour'")
    alice.expense(key="wish-2")
    forgotten = [idempotency.forget_old(deps_for("worker")) for _ in range(2)]

    assert forgotten == [1, 0]
    assert house.database.sql("select key from idempotency_keys") == [("wish-2",)]

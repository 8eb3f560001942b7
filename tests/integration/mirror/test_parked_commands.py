"""Parked documents in an operator's hands: `livespend mirror parked`, through the real mirror."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result

from sync.audit.verify import verify
from sync.errors import DocumentNotParked, InvalidFields, ParkedRefused
from tests.fixtures.gate import Refusal, Seen
from workers.cli import livespend

TOO_LONG = "n" * 1_100_000


def refuse_cursed(seen: Seen) -> None:
    """Firestore's answer to content it will not take, in a user's own word."""
    fields = [write.update.fields for write in seen.request.writes]
    if any(name in one and one[name].string_value == "cursed" for one in fields for name in ("note", "name")):
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "Firestore will not have it")


@pytest.fixture
def call(database, firestore_server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs one command of the group with this test's servers in the environment."""
    monkeypatch.setenv("MIRROR_DATABASE_URL", database.url("mirror"))
    monkeypatch.setenv("API_DATABASE_URL", database.url("api"))
    monkeypatch.setenv("FIREBASE_PROJECT_ID", firestore_server.project)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_server.address)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(livespend, ["mirror", "parked", *arguments], catch_exceptions=False)

    return run


@pytest.fixture
def answer(call) -> Callable[..., Any]:
    """Runs a command that succeeds and answers its JSON."""

    def run(*arguments: str) -> Any:
        ended = call(*arguments, "--json")
        assert ended.exit_code == 0
        return json.loads(ended.stdout)

    return run


@pytest.fixture
def call_verify(mirror_deps) -> Callable[[], dict[str, Any]]:
    """Compares Firestore with the ledger."""
    return lambda: verify(mirror_deps())


@pytest.fixture
def log(database) -> Callable[[], list[tuple[Any, ...]]]:
    """Who did what, as the audit log has it."""
    return lambda: database.sql("select actor, action, path, detail from audit_log order by id")


def test_the_users_own_word_is_corrected_as_the_user_would(
    books, mirrored, answer, log, database, assert_mirrored, gate
):
    ada = books()
    row, _ = ada.add(2)
    ada.annotate(row, "cursed")
    gate.before = refuse_cursed
    mirrored(host=gate.address)
    path = ada.path("transactions", row)

    listed, shown = answer("list"), answer("show", path)

    assert [(one["path"], one["droppedAt"]) for one in listed["documents"]] == [(path, None)]
    assert (shown["content"]["note"], shown["editable"]) == ("cursed", ["note", "category", "splits"])
    assert "Firestore will not have it" in shown["message"]

    answer("edit", path, "--note", "lunch", "--by", "olga")
    mirrored(host=gate.address)

    assert_mirrored()
    assert answer("list")["documents"] == []
    assert log() == [("olga", "parked:edit", path, {"fields": ["note"]})]
    assert database.sql("select note from entries where id = %s", row) == [("lunch",)]


def test_an_edit_goes_by_the_ledgers_own_rules(books, mirrored, call, log):
    ada = books()
    (row,) = ada.add(1, name=TOO_LONG)
    mirrored()
    path = ada.path("transactions", row)

    with pytest.raises(InvalidFields):
        call("edit", path, "--note", "x" * 501)
    with pytest.raises(InvalidFields):
        call("edit", path, "--category", "NO_SUCH")
    with pytest.raises(ParkedRefused, match="name cannot be edited here: note, category, splits can"):
        call("edit", path, "--name", "the bank's name")
    with pytest.raises(ParkedRefused, match="nothing"):
        call("edit", path)
    assert log() == []


def test_what_the_bank_tells_can_be_dropped_and_totals_keep_it(
    books, mirrored, answer, log, firestore_server, database, call_verify
):
    ada = books()
    row, *_ = ada.add(3)
    database.sql("update transactions set name = %s where entry_id = %s", TOO_LONG, row)
    mirrored()
    path = ada.path("transactions", row)
    assert firestore_server.documents()[path]["unshowable"] is True

    assert answer("drop", path, "--by", "olga") == {"path": path, "action": "drop", "done": True}
    mirrored()

    documents = firestore_server.documents()
    assert path not in documents
    assert documents[ada.path("months", "2026-11")]["count"] == 3
    assert call_verify()["equal"] is True
    (dropped,) = answer("list")["documents"]
    assert (dropped["path"], dropped["droppedBy"]) == (path, "olga")
    assert log() == [("olga", "parked:drop", path, {})]
    assert answer("drop", path)["done"] is False


def test_a_dropped_document_stays_away_until_it_is_retried(
    books, mirrored, answer, log, firestore_server, database, assert_mirrored
):
    ada = books()
    (row,) = ada.add(1, name=TOO_LONG)
    mirrored()
    path = ada.path("transactions", row)
    answer("drop", path, "--by", "olga")
    mirrored()

    database.sql("update transactions set name = 'Coffee' where entry_id = %s", row)
    mirrored()
    assert path not in firestore_server.documents()

    answer("retry", path, "--by", "piotr")
    mirrored()

    assert_mirrored()
    assert firestore_server.documents()[path]["name"] == "Coffee"
    assert answer("list")["documents"] == []
    assert [(actor, action) for actor, action, *_ in log()] == [("olga", "parked:drop"), ("piotr", "parked:retry")]


def test_no_receipt_accuses_a_page_of_what_an_operator_dropped(
    books, mirrored, answer, firestore_server, database, call_verify
):
    """The digest of a day is that of the rows which are shown: the same as if the dropped one had never been."""
    ada = books()
    _, row = ada.add(2)
    month = ada.path("months", "2026-11")
    mirrored()
    whole = firestore_server.documents()[month]["receipt"]
    database.sql("update entries set removed_at = now() where id = %s", row)
    mirrored()
    alone = firestore_server.documents()[month]["receipt"]
    database.sql("update entries set removed_at = null where id = %s", row)
    database.sql("update transactions set merchant_name = %s where entry_id = %s", TOO_LONG, row)
    mirrored()

    answer("drop", ada.path("transactions", row))
    mirrored()
    dropped = firestore_server.documents()[month]["receipt"]
    verified = call_verify()["equal"]
    database.sql("update transactions set merchant_name = null where entry_id = %s", row)
    answer("retry", ada.path("transactions", row))
    mirrored()

    assert (dropped["days"], dropped["totals"]) == (alone["days"], whole["totals"])
    assert verified is True
    assert firestore_server.documents()[month]["receipt"]["days"] != alone["days"]


def test_a_retry_of_what_is_refused_still_parks_it_again(books, mirrored, answer, firestore_server):
    ada = books()
    (row,) = ada.add(1, name=TOO_LONG)
    mirrored()
    path = ada.path("transactions", row)
    before = answer("show", path)

    answer("retry", path)
    waiting = answer("show", path)
    mirrored()
    after = answer("show", path)

    assert (before["marked"], waiting["marked"], after["marked"]) == (False, True, False)
    assert after["number"] > before["number"]
    assert firestore_server.documents()[path]["unshowable"] is True
    assert [entry["action"] for entry in after["log"]] == ["parked:retry"]


def test_a_category_and_a_budget_are_corrected_by_name_and_limit(
    books, mirrored, answer, call, database, assert_mirrored, gate
):
    ada = books()
    ada.add(1)
    gate.before = refuse_cursed
    database.sql("insert into categories (id, user_id, name) values ('own', 'ada', 'cursed')")
    ((budget,),) = database.sql(
        "insert into budgets (user_id, category_id, iso_currency, limit_amount, starts_month) "
        "values ('ada', 'TRAVEL', 'USD', 99999999999999999, '2027-01-01') returning id::text"
    )
    mirrored(host=gate.address)
    parked = {one["path"] for one in answer("list", "--user", "ada")["documents"]}
    assert parked == {ada.path("categories", "own"), ada.path("budgets", budget)}
    assert "no document can hold it" in answer("show", ada.path("budgets", budget))["wrong"]

    answer("edit", ada.path("categories", "own"), "--name", "Own")
    answer("edit", ada.path("budgets", budget), "--limit", "100")
    mirrored(host=gate.address)

    assert_mirrored()
    assert call("edit", ada.path("budgets", budget), "--limit", "much").exit_code == 2


def test_a_users_own_document_is_never_dropped(books, mirrored, call, database, firestore_server):
    ada = books()
    database.sql("update users set display_name = %s", TOO_LONG)
    mirrored()
    assert firestore_server.documents()["users/ada"]["unshowable"] is True

    with pytest.raises(ParkedRefused):
        call("drop", "users/ada")
    call("edit", "users/ada", "--name", "Ada")
    mirrored()

    assert firestore_server.documents()["users/ada"]["displayName"] == "Ada"
    assert ada.owner == "users/ada"


@pytest.mark.parametrize("action", ["show", "retry", "drop", "edit"])
def test_a_document_that_is_not_parked_is_told_to_be_none(books, mirrored, call, action: str, log):
    ada = books()
    (row,) = ada.add(1)
    mirrored()
    more = ["--note", "x"] if action == "edit" else []

    with pytest.raises(DocumentNotParked):
        call(action, ada.path("transactions", row), *more)
    assert log() == []


def test_people_get_a_table_and_a_page(books, mirrored, call):
    ada = books()
    (row,) = ada.add(1, name=TOO_LONG)
    mirrored()
    path = ada.path("transactions", row)

    assert path in call("list").stdout
    assert "1 parked, 0 dropped" in call("list").stdout
    assert "largest: name" in call("show", path).stdout
    assert "drop" in call("drop", path).stdout

"""The change passport through the mirror: a trace set in the writer's transaction reaches the commit's hops."""

from __future__ import annotations

import pytest

from sync import passports, tracing
from sync.db import transaction
from sync.errors import TraceNotFound
from sync.ledger.ledger import edit_entry
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor

COLUMNS = "began_at, marked_at, claimed_at, built_at, sent_at, committed_at, acknowledged_at"


def hops(database: Database, trace_id: str) -> list[tuple[object, ...]]:
    return database.sql(f"select {COLUMNS} from trace_hops where trace_id = %s", trace_id)


def test_an_edit_leaves_its_hops_in_the_order_of_time(books, mirrored, deps_for: DepsFor, database: Database):
    ada = books()
    entry, *_ = ada.add(3)
    mirrored()
    with tracing.under(tracing.begin("test")) as passport:
        _, marks = edit_entry(deps_for("api"), "ada", entry, category_id="TRAVEL")
    mirrored()

    (times,) = hops(database, passport.trace_id)
    assert list(times) == sorted(times)  # type: ignore[type-var]
    ((owner, epoch, number, origin, documents),) = database.sql(
        "select owner, epoch, number, origin, documents from trace_hops"
    )
    assert (owner, origin, documents) == ("users/ada", "test", 2)
    assert {(mark.epoch, mark.number) for mark in marks} == {(epoch, number)}


def test_a_person_in_psql_has_no_trace_and_no_hops(books, mirrored, database: Database):
    ada = books()
    ada.add(2)
    mirrored()

    assert database.sql("select count(*) from trace_hops") == [(0,)]


def test_the_newest_trace_of_a_document_wins(books, mirrored, deps_for: DepsFor, database: Database):
    ada = books()
    entry, *_ = ada.add(1)
    mirrored()
    with tracing.under(tracing.begin("first")) as first:
        edit_entry(deps_for("api"), "ada", entry, note="one")
    with tracing.under(tracing.begin("second")) as second:
        edit_entry(deps_for("api"), "ada", entry, note="two")
    mirrored()

    assert hops(database, first.trace_id) == []
    assert len(hops(database, second.trace_id)) == 1


def test_a_large_import_is_one_row_of_hops_per_commit_not_per_document(
    books, mirrored, deps_for: DepsFor, database: Database
):
    ada = books()
    ada.add(400)
    mirrored()
    with tracing.under(tracing.begin("import")) as passport, transaction(deps_for("worker").engine) as connection:
        connection.exec_driver_sql("update transactions set amount = amount + 1 where user_id = 'ada'")
    mirrored()

    assert len(hops(database, passport.trace_id)) == 1
    assert database.sql("select documents from trace_hops") == [(401,)]


def test_a_trace_is_forgotten_with_no_pooled_connection_remembering_it(books, deps_for: DepsFor, database: Database):
    ada = books()
    entry, *_ = ada.add(1)
    deps = deps_for("api")
    with tracing.under(tracing.begin("test")):
        edit_entry(deps, "ada", entry, note="one")
    database.sql("delete from changes")
    edit_entry(deps, "ada", entry, note="two")

    assert database.sql("select trace_id, began_at, origin from changes") == [(None, None, None)]


def test_old_hops_are_forgotten(books, mirrored, deps_for: DepsFor, database: Database):
    ada = books()
    with tracing.under(tracing.begin("test")) as passport, transaction(deps_for("worker").engine) as connection:
        connection.exec_driver_sql("update items set status = 'error'")
    mirrored()
    worker = deps_for("worker")
    database.sql("insert into trace_screens select owner, epoch, number, 'screen-1', now(), now() from trace_hops")

    assert passports.forget_old(worker) == 0
    database.sql("update trace_hops set acknowledged_at = now() - interval '8 days'")
    database.sql("update trace_screens set received_at = now() - interval '8 days'")
    assert passports.forget_old(worker) == 2
    with pytest.raises(TraceNotFound):
        passports.read_trace(worker.engine, passport.trace_id)
    assert ada.user == "ada"


@pytest.mark.parametrize("given", ["", "x", "0" * 32, "A" * 32])
def test_what_is_no_trace_id_is_said_to_be_none(deps_for: DepsFor, given: str):
    with pytest.raises(TraceNotFound):
        passports.read_trace(deps_for("worker").engine, given)

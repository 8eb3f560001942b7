"""Documents that Firestore refuses for their content: replaced, parked, and given another chance by a newer mark."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from tests.fixtures.gate import Refusal, Seen


def refuse_cursed(seen: Seen) -> None:
    """Firestore's answer to content it will not take."""
    if any(write.update.fields["name"].string_value == "cursed" for write in seen.request.writes):
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "the value of property name is cursed")


def test_a_poison_row_is_replaced_in_the_commit_that_carries_the_rest(
    books, mirrored, gate, firestore_server, database
):
    ada = books()
    mirrored()
    rows = ada.add(30)
    database.sql("update transactions set name = 'cursed' where entry_id = %s", rows[7])
    accepted: list[Seen] = []
    gate.before, gate.after = refuse_cursed, accepted.append

    mirrored(host=gate.address)

    assert [len(seen.paths) for seen in accepted] == [32]  # while it was narrowed nothing was applied in parts
    documents = firestore_server.documents()
    poison = documents[ada.path("transactions", rows[7])]
    assert {"version", "month", "date", "unshowable"} == poison.keys()
    assert (poison["unshowable"], poison["month"], poison["date"]) == (True, "2026-11", "2026-11-05")
    assert documents[ada.path("months", "2026-11")]["count"] == 30
    assert sum("/transactions/" in path for path in documents) == 30
    parked = database.sql("select path, error_code, error_message from parked_documents")
    assert [(ada.path("transactions", rows[7]), "invalid-argument")] == [row[:2] for row in parked]
    assert "cursed" in parked[0][2]
    assert database.sql("select path from changes") == []


def test_an_update_time_ahead_of_a_restored_servers_clock_is_no_poison(
    books, mirrored, gate, database, assert_mirrored
):
    """It is refused as an invalid argument, too; once it was read anew the same content is taken."""
    ada = books()
    (row,) = ada.add(1)
    mirrored()
    database.sql("update mirror_state set update_time = '2126-01-01' where path = %s", ada.path("transactions", row))
    refused = []

    def refuse(seen: Seen) -> None:
        if any(write.current_document.update_time.seconds > 4_000_000_000 for write in seen.request.writes):
            refused.append(seen.paths)
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "update_time cannot be in the future")

    gate.before = refuse
    ada.annotate(row, "taken")
    mirrored(host=gate.address)

    assert len(refused) == 1
    assert database.sql("select path from parked_documents") == []
    assert_mirrored()


def test_a_newer_mark_unparks(books, mirrored, gate, database, assert_mirrored):
    ada = books()
    (row,) = ada.add(1, name="cursed")
    gate.before = refuse_cursed
    mirrored(host=gate.address)
    assert database.sql("select count(*) from parked_documents") == [(1,)]

    database.sql("update transactions set name = 'blessed' where entry_id = %s", row)
    mirrored(host=gate.address)

    assert database.sql("select path from parked_documents") == []
    assert_mirrored()


@pytest.mark.parametrize(
    ("column", "value"), [("amount", "99999999999999999"), ("amount", "NaN"), ("name", "n" * 1_100_000)]
)
def test_a_row_that_no_document_can_hold_stops_nobody(
    books, mirrored, firestore_server, database, column: str, value: Any
):
    ada, bob = books("ada"), books("bob")
    mirrored()
    (row,) = ada.add(1)
    database.sql(f"update transactions set {column} = %s where entry_id = %s", value, row)
    bob.add(2)

    mirrored()

    documents = firestore_server.documents()
    assert documents[ada.path("transactions", row)]["unshowable"] is True
    assert documents[ada.path("transactions", row)]["date"].startswith("2026-11-")  # the page orders rows by it
    assert sum(path.startswith("users/bob/transactions/") for path in documents) == 2
    assert database.sql("select path from changes") == []


def test_a_user_whose_name_firestore_never_takes_stops_nobody(books, mirrored, firestore_server, database):
    books("__bad__").add(1)
    bob = books("bob")
    bob.add(1)

    mirrored()

    documents = firestore_server.documents()
    assert bob.path("months", "2026-11") in documents
    assert [path for path in documents if path.startswith("users/__bad__")] == []
    assert database.sql("select path from changes") == []
    assert database.sql("select distinct owner from parked_documents") == [("users/__bad__",)]


def test_a_category_of_a_name_that_firestore_never_takes_hides_two_documents_only(
    books, mirrored, firestore_server, database
):
    ada = books()
    row, *_ = ada.add(3)
    ada.add(1, on="2026-10-01")
    database.sql("insert into categories (id, user_id, name) values ('__odd__', 'ada', 'Odd')")
    ada.categorize(row, "__odd__")

    mirrored()

    documents = firestore_server.documents()
    assert documents[ada.path("months", "2026-11")]["unshowable"] is True
    assert documents[ada.path("transactions", row)]["categoryId"] == "__odd__"
    assert documents[ada.path("months", "2026-10")]["count"] == 1
    parked = {path for (path,) in database.sql("select path from parked_documents")}
    assert parked == {ada.path("categories", "__odd__"), ada.path("months", "2026-11")}
    assert database.sql("select path from changes") == []


@pytest.mark.ours_only("the emulator takes 4 MiB by gRPC, the service 10 MiB")
def test_a_request_that_is_too_large_is_sent_in_parts(books, mirrored, gate, assert_mirrored):
    ada = books()
    mirrored()
    ada.add(40, on="2026-10-01", name="n" * 300_000)
    ada.add(3, on="2026-11-01")

    mirrored(host=gate.address)

    assert all(seen.request.ByteSize() < 10 * 1024 * 1024 for seen in gate.seen)
    assert len(gate.seen) > 1
    assert_mirrored()

"""Reconcile: what is damaged is mended by the mirror, what is not damaged is left alone (consistency.md, section 6)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sync.audit.reconcile import compare, read_owner
from sync.audit.repair import note_mended, recent_repairs, repair
from sync.audit.verify import compare_owner, ledger_url, verify
from sync.mirror.firestore import ReadTally
from sync.mirror.session import connect


@pytest.fixture
def lines(mirror_deps) -> Any:
    """A snapshot connection, a writing one, and Firestore, as a reconciler has them."""
    deps = mirror_deps()
    reading, writing = connect(ledger_url(deps)), connect(ledger_url(deps))
    reading.set_session(isolation_level="REPEATABLE READ", readonly=True)
    yield reading, writing, deps.firestore
    reading.close()
    writing.close()


def damage(firestore_server, ada, rows: list[str]) -> None:
    client = firestore_server.client()
    client.document(ada.path("transactions", rows[0])).update({"name": "Forged"})
    client.document(ada.path("transactions", rows[1])).delete()
    client.document(ada.path("transactions", "no-such-entry")).set({"name": "Ghost"})


def test_exactly_the_damaged_documents_are_written_again(
    books, mirrored, mirror_deps, firestore_server, assert_mirrored, writes, database
):
    ada, bob = books("ada"), books("bob")
    rows = ada.add(10)
    bob.add(5)
    mirrored()
    damage(firestore_server, ada, rows)

    with writes() as silence:
        report = verify(mirror_deps(), mend=True)
    with writes() as mending:
        mirrored()

    assert (report["missing"], report["ghosts"], report["different"], report["repaired"]) == (1, 1, 1, 3)
    assert silence["requested"] == 0  # reconcile itself writes no document
    assert (mending["creates"], mending["updates"], mending["deletes"]) == (1, 2, 1)  # the second update: ada's head
    assert_mirrored()
    assert verify(mirror_deps())["equal"]


def test_a_repair_stores_what_was_seen_and_marks_with_a_new_version(
    books, mirrored, mirror_deps, firestore_server, database
):
    ada = books()
    rows = ada.add(3)
    mirrored()
    before = dict(database.sql("select path, number from mirror_state"))
    damage(firestore_server, ada, rows)
    seen = {
        snapshot.reference.path: snapshot.update_time
        for snapshot in firestore_server.client().collection("users/ada/transactions").stream()
    }

    verify(mirror_deps(), mend=True)

    forged, gone, ghost = (ada.path("transactions", name) for name in (rows[0], rows[1], "no-such-entry"))
    state = {path: rest for path, *rest in database.sql("select path, update_time, deleted from mirror_state")}
    assert state[forged] == [seen[forged], False]
    assert state[ghost] == [seen[ghost], False]
    assert state[gone][1] is True
    marks = dict(database.sql("select path, number from changes"))
    assert marks.keys() == {forged, gone, ghost}
    assert set(marks.values()) == {max(before.values()) + 1}
    assert database.sql("select dirty, number from owners") == [(True, max(before.values()) + 1)]


def test_a_ghost_of_an_owner_that_the_ledger_never_had_goes(
    books, mirrored, mirror_deps, firestore_server, assert_mirrored
):
    books().add(1)
    mirrored()
    client = firestore_server.client()
    client.document("users/nobody/transactions/t1").set({"name": "Ghost"})
    client.document("users/somebody").set({"email": "ghost"})

    verify(mirror_deps(), mend=True)
    mirrored()

    assert_mirrored()


@pytest.mark.parametrize("how", ["deleted", "edited"])
def test_a_damaged_head_is_mended(books, mirrored, mirror_deps, firestore_server, assert_mirrored, *, how: str):
    ada = books()
    ada.add(2)
    mirrored()
    head = firestore_server.client().document("users/ada")
    if how == "deleted":
        head.delete()
    else:
        head.update({"email": "forged"})

    report = verify(mirror_deps(), mend=True)
    mirrored()

    assert report["repaired"] == 1
    assert_mirrored()


def test_a_head_is_left_alone_while_anything_of_its_owner_is_marked(
    books, mirrored, mirror_deps, firestore_server, database
):
    ada = books()
    rows = ada.add(2)
    mirrored()
    before = database.sql("select update_time from mirror_state where path = 'users/ada'")
    firestore_server.client().document("users/ada").update({"email": "forged"})
    ada.annotate(rows[0], "x")

    report = verify(mirror_deps(), mend=True)

    assert (report["different"], report["repaired"]) == (1, 0)
    assert database.sql("select update_time from mirror_state where path = 'users/ada'") == before


def test_a_shape_that_only_a_newer_process_knows_is_told_and_left(books, mirrored, mirror_deps, firestore_server):
    ada = books()
    mirrored()
    firestore_server.client().document(ada.path("gifts", "g1")).set({"name": "of tomorrow"})

    report = verify(mirror_deps(), mend=True)
    mirrored()

    assert (report["ghosts"], report["unknown"], report["repaired"]) == (1, 1, 0)
    assert ada.path("gifts", "g1") in firestore_server.documents()


# --- no false alarm ---


def test_what_is_mirrored_between_the_read_and_the_snapshot_is_no_false_alarm(books, mirrored, lines):
    ada = books()
    rows = ada.add(4)
    mirrored()
    reading, _, firestore = lines
    found = read_owner(firestore, "users/ada", ReadTally())
    ada.annotate(rows[0], "changed")
    ada.remove(rows[1])
    (new,) = ada.add(1)
    mirrored()

    with reading.cursor() as cursor:
        comparison = compare(cursor, "users/ada", found)

    changed = {ada.path("transactions", name) for name in (rows[0], rows[1], new)}
    assert comparison.damage == []
    assert changed <= set(comparison.not_judged)


def test_documents_that_go_while_a_collection_is_read_push_no_other_past_the_reader(
    books, mirrored, lines, firestore_server, database
):
    """Page tokens may count documents: what goes from an earlier page would shift a later one into it."""
    ada = books()
    ada.add(700)
    mirrored()
    _, _, firestore = lines
    stream = firestore.documents_of("users/ada", "transactions", ReadTally())
    first = next(stream)
    for snapshot in firestore_server.client().collection("users/ada/transactions").limit(50).stream():
        snapshot.reference.delete()

    found = {document.name for document in [first, *stream]}

    left = {firestore.name(path) for path in firestore_server.documents() if "/transactions/" in path}
    assert left <= found


def test_what_moves_on_between_the_snapshot_and_the_repair_is_left_alone(
    books, mirrored, lines, firestore_server, assert_mirrored, database
):
    ada = books()
    rows = ada.add(3)
    mirrored()
    reading, writing, firestore = lines
    damage(firestore_server, ada, rows)
    comparison = compare_owner(reading, firestore, "users/ada", ReadTally())
    ada.annotate(rows[0], "claimed and mended meanwhile")
    mirrored()
    ada.annotate(rows[1], "marked meanwhile")
    before = database.sql("select * from mirror_state where path not like '%%no-such-entry' order by path")

    repaired = repair(writing, comparison)

    assert repaired == [ada.path("transactions", "no-such-entry")]
    assert database.sql("select * from mirror_state where path not like '%%no-such-entry' order by path") == before
    mirrored()
    assert_mirrored()


def test_a_repair_waits_for_a_writer_and_then_leaves_what_it_has_marked(
    books, mirrored, lines, firestore_server, database, assert_mirrored, eventually
):
    """It begins with the counter, which the writer holds: what it then sees is what the writer left."""
    ada = books()
    rows = ada.add(2)
    mirrored()
    reading, writing, firestore = lines
    firestore_server.client().document(ada.path("transactions", rows[0])).update({"name": "Forged"})
    comparison = compare_owner(reading, firestore, "users/ada", ReadTally())
    before = database.sql("select * from mirror_state order by path")
    writer = connect(database.url())
    with writer, writer.cursor() as cursor:
        cursor.execute("update entries set note = 'edited' where id = %s", (rows[0],))
        repairing = threading.Thread(target=repair, args=(writing, comparison))
        repairing.start()
        eventually(lambda: database.sql(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        ) == [(1,)])  # fmt: skip
    repairing.join(20)
    writer.close()

    assert comparison.repaired == []
    assert database.sql("select * from mirror_state order by path") == before
    mirrored()
    assert_mirrored()


def test_two_reconcilers_at_once_repair_once(books, mirrored, lines, firestore_server, database, assert_mirrored):
    ada = books()
    rows = ada.add(3)
    mirrored()
    damage(firestore_server, ada, rows)
    reading, writing, firestore = lines
    comparisons = [compare_owner(reading, firestore, "users/ada", ReadTally()) for _ in range(2)]
    second = connect(database.url("mirror"))

    rivals = [
        threading.Thread(target=repair, args=(connection, comparison))
        for connection, comparison in zip((writing, second), comparisons, strict=True)
    ]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join(30)
    second.close()

    assert sorted(len(comparison.repaired) for comparison in comparisons) == [0, 3]
    assert database.sql("select count(*) from mirror_repairs") == [(3,)]
    mirrored()
    assert_mirrored()


# --- the record ---


def test_every_repair_is_on_record_with_when_it_was_mended(books, mirrored, lines, firestore_server, database):
    ada = books()
    rows = ada.add(3)
    mirrored()
    reading, writing, firestore = lines
    damage(firestore_server, ada, rows)
    repair(writing, compare_owner(reading, firestore, "users/ada", ReadTally()))
    waiting = note_mended(writing)
    mirrored()
    mended = note_mended(writing)

    with reading.cursor() as cursor:
        record = {one["path"].rsplit("/", 1)[1]: one for one in recent_repairs(cursor, "users/ada", 10)}
    assert (waiting, mended) == (0, 3)
    assert {name: one["kind"] for name, one in record.items()} == {
        rows[0]: "different", rows[1]: "missing", "no-such-entry": "ghost"
    }  # fmt: skip
    states = dict(database.sql("select path, update_time from mirror_state"))
    assert all(one["mendedAt"] == states[one["path"]] for one in record.values())
    assert all(one["foundAt"] <= one["mendedAt"] for one in record.values())


def test_an_emptied_firestore_is_found_and_filled(books, mirrored, mirror_deps, firestore_process, assert_mirrored):
    ada = books()
    ada.add(30)
    mirrored()
    firestore_process.clear()

    report = verify(mirror_deps(), mend=True)
    mirrored()

    assert report["repaired"] == report["missing"] == 34
    assert_mirrored()

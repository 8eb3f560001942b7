"""The rules that hold while shapes change: the epoch, whole claims before a head is turned, strangers' shapes."""

from __future__ import annotations

import threading

import psycopg2
import pytest

from sync.mirror.changes import Acknowledgement, Under, Version
from sync.mirror.settling import SHAPES_LOCK, acknowledge
from sync.shapes import reshape
from tests.fixtures.gate import Seen
from tests.fixtures.shapes import TWO_SHAPES, untold


@pytest.mark.parametrize(("epoch", "left"), [(1, 0), (2, 1), (0, 1)])
def test_an_acknowledgement_of_another_epoch_deletes_no_mark(epoch, left, books, database):
    ada = books()
    (mark,) = database.sql("select path, epoch, number from changes where path like '%%/accounts/%%'")
    connection = psycopg2.connect(database.url("mirror"))

    with connection, connection.cursor() as cursor:
        settled = Acknowledgement(ada.owner, marks=[(mark[0], Version(*mark[1:]))], under=Under(epoch))
        acknowledge(cursor, [settled])
    connection.close()

    assert database.sql("select count(*) from changes where path = %s", mark[0]) == [(left,)]


def test_a_mark_goes_only_when_each_of_its_documents_is_settled(books, database):
    ada = books()
    (mark,) = database.sql("select path, epoch, number from changes where path like '%%/accounts/%%'")
    version = Version(*mark[1:])
    origins = {(mark[0], version): (mark[0], "users/ada/accounts_v2/a")}
    connection = psycopg2.connect(database.url("mirror"))

    for settled, left in (([mark[0]], 1), ([mark[0], "users/ada/accounts_v2/a"], 0)):
        with connection, connection.cursor() as cursor:
            marks = [(path, version) for path in settled]
            acknowledge(cursor, [Acknowledgement(ada.owner, marks=marks, under=Under(1, origins))])
        assert database.sql("select count(*) from changes where path = %s", mark[0]) == [(left,)]
    connection.close()


def test_the_shapes_change_only_between_acknowledgements(books, mirrored, shaped, database, stopped):
    """An acknowledgement under way holds the change up; one begun after it sees the new epoch."""
    books()
    mirrored()
    connection = psycopg2.connect(database.url("mirror"))
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock_shared(%s)", (SHAPES_LOCK,))
    change = threading.Thread(target=lambda: stopped(reshape.build, 2))
    change.start()
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    while database.sql(waiting) == [(0,)] and change.is_alive():
        pass
    during = database.sql("select epoch from live_shapes")
    connection.rollback()
    change.join(30)
    connection.close()

    assert during == [(1,)]
    assert database.sql("select epoch, state from live_shapes") == [(2, "building")]


def test_a_claim_from_before_the_build_is_claimed_once_more_for_both_shapes(
    books, mirrored, running_mirror, shaped, gate, stopped, assert_shape, database, eventually, clean
):
    """Its commit lands after the shapes have changed: it is true, and it serves no mark."""
    ada = books()
    rows = ada.add(2)
    mirrored()
    held, go_on = threading.Event(), threading.Event()

    def hold(seen: Seen) -> None:
        if not held.is_set():
            held.set()
            assert go_on.wait(30)

    gate.before = hold
    ada.categorize(rows[0], "TRAVEL")
    running_mirror(host=gate.address, shapes=TWO_SHAPES, sweep_seconds=0.3)
    assert held.wait(30)
    stopped(reshape.build, 2)
    # As if the build had passed this owner by: only the mark of the claim from before asks for the new edition.
    database.sql("delete from changes where path like '%%/transactions_v2/%%'")
    go_on.set()
    eventually(
        lambda: (
            database.sql("select count(*) from mirror_state where path = %s", f"users/ada/transactions_v2/{rows[0]}")
            == [(1,)]
        )
    )
    eventually(clean)


def test_a_head_is_turned_by_the_last_commit_of_a_large_import(
    books, mirrored, shaped, gate, stopped, database, running_mirror, eventually, clean
):
    """2,500 marks are a request while two shapes live: the head follows when none is left."""
    ada = books()
    first = running_mirror(shapes=TWO_SHAPES)
    eventually(clean)
    reshape.build(shaped, 2, untold)
    first.stop()
    rows = set(ada.add(1600, on="2026-11-05")) | set(ada.add(1600, on="2026-10-05"))
    stopped(reshape.flip)

    mirrored(host=gate.address, shapes=TWO_SHAPES)

    shown: set[str] = set()
    named = []
    for seen in gate.seen:
        shown |= {path.rsplit("/", 1)[1] for path in seen.paths if "/transactions_v2/" in path}
        for write in seen.request.writes:
            if write.update.name.endswith("/users/ada"):
                named.append((write.update.fields["schemaVersion"].integer_value, len(shown)))
    assert named[0][0] == 1
    assert [number for number, _ in named] == sorted(number for number, _ in named)
    assert next(there for number, there in named if number == 2) == len(rows)
    assert database.sql("select owner, shape from owner_shapes") == [("users/ada", 2)]


def test_who_signs_up_while_heads_are_turned_is_turned_too(
    books, running_mirror, shaped, stopped, assert_shape, eventually, clean
):
    books("bob").add(2)
    running_mirror(shapes=TWO_SHAPES)
    eventually(clean)
    reshape.build(shaped, 2, untold)
    stopped(reshape.flip)
    books("ada").add(2)  # before bob in the order of the pass
    reshape.flip(shaped, untold)
    books("abe").add(1)
    reshape.sweep(shaped, untold)
    eventually(clean)

    assert_shape(2)

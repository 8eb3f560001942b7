"""Exact acknowledgement, and the dirty flag that nobody may clear too early."""

from __future__ import annotations

import threading

import pytest

from sync.mirror.changes import Acknowledgement, Held, Shown, Version
from sync.mirror.marks import read_marks
from sync.mirror.session import connect
from sync.mirror.settling import acknowledge, clear_dirty


@pytest.fixture
def mirror_connection(database):
    """A connection as the mirror has it."""
    connection = connect(database.url("mirror"))
    yield connection
    connection.close()


def marks(database) -> dict[str, int]:
    return dict(database.sql("select path, number from changes"))


def test_a_mark_renewed_since_the_claim_stays(books, database, mirror_connection):
    ada = books()
    (row,) = ada.add(1)
    path = ada.path("transactions", row)
    claimed = Version(1, marks(database)[path])
    ada.annotate(row, "renewed")

    with mirror_connection, mirror_connection.cursor() as cursor:
        acknowledge(cursor, [Acknowledgement("users/ada", marks=[(path, claimed)])])

    assert marks(database)[path] > claimed.number


def test_a_mark_that_a_writer_holds_is_skipped_at_once(books, database, mirror_connection):
    ada = books()
    (row,) = ada.add(1)
    path = ada.path("transactions", row)
    claimed = Version(1, marks(database)[path])
    writer = connect(database.url())
    with writer.cursor() as cursor:
        cursor.execute("update entries set note = 'open' where id = %s", (row,))

        with mirror_connection, mirror_connection.cursor() as ours:
            ours.execute("set local lock_timeout = '200ms'")
            acknowledge(ours, [Acknowledgement("users/ada", marks=[(path, claimed)])])
            settled = clear_dirty(ours, ["users/ada"])
    writer.rollback()
    writer.close()

    assert path in marks(database)
    assert settled.busy == {"users/ada"}


def test_mirror_state_only_moves_forward(books, database, mirror_connection):
    books()
    late, early = database.sql("select now(), now() - interval '1 second'")[0]

    for moment, digest in ((late, b"late"), (early, b"early")):
        with mirror_connection, mirror_connection.cursor() as cursor:
            shown = Shown("users/ada", Held(moment, False, digest, Version(1, 1)))
            acknowledge(cursor, [Acknowledgement("users/ada", shown=[shown])])

    held = database.sql("select digest, update_time from mirror_state")
    assert [(bytes(digest), moment) for digest, moment in held] == [(b"late", late)]


def test_many_documents_are_acknowledged_as_few_are(books, database, mirror_connection):
    """Many go by COPY: names that its text format would mistake, and tombstones, included."""
    books()
    ((now,),) = database.sql("select now()")
    odd = ["a\\b", "tab\tnew\nline\r", "\\N", "plain"]
    paths = [*(f"users/ada/categories/{name}" for name in odd), *(f"users/ada/categories/{n}" for n in range(400))]
    shown = [
        Shown(path, Held(now, number % 2 == 1, None if number % 2 else b"\x00\\", Version(1, number)))
        for number, path in enumerate(paths)
    ]

    for _ in range(2):
        with mirror_connection, mirror_connection.cursor() as cursor:
            acknowledge(cursor, [Acknowledgement("users/ada", shown=shown)])

    held = database.sql("select path, update_time, deleted, digest, epoch, number from mirror_state")
    found = {row[0]: Held(row[1], row[2], row[3] and bytes(row[3]), Version(*row[4:])) for row in held}
    assert found == {one.path: one.held for one in shown}


def test_a_flag_is_not_cleared_over_a_mark_committed_meanwhile(books, database, mirror_connection):
    """The mark is committed while the mirror waits between looking and locking: a single statement would miss it."""
    ada = books()
    (row,) = ada.add(1)
    database.sql("delete from changes")
    stop = threading.Event()
    lost = []

    def write() -> None:
        while not stop.is_set():
            ada.annotate(row, "again")
            ada.annotate(row, None)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            with mirror_connection, mirror_connection.cursor() as cursor:
                cursor.execute("delete from changes as c using (select owner, path from changes for update skip locked)"
                               " as g where (c.owner, c.path) = (g.owner, g.path)")  # fmt: skip
                clear_dirty(cursor, ["users/ada"])
            with mirror_connection, mirror_connection.cursor() as cursor:
                cursor.execute("select not o.dirty and exists (select from changes as c where c.owner = o.owner) "
                               "from owners as o")  # fmt: skip
                lost += [row for row in cursor.fetchall() if row[0]]
    finally:
        stop.set()
        writer.join()

    assert lost == []


def test_the_watermark_rises_only_when_no_mark_is_left(books, database, mirror_connection):
    """Above it marks are looked for: one left below it would be there for ever and nobody would see it."""
    ada = books()
    ada.add(3)
    found = sorted((path, Version(1, number)) for path, number in marks(database).items())

    watermarks = []
    for claimed in (found[1:], found[:1]):
        with mirror_connection, mirror_connection.cursor() as cursor:
            acknowledge(cursor, [Acknowledgement("users/ada", marks=claimed)])
            clear_dirty(cursor, ["users/ada"])
            left = read_marks(cursor, ["users/ada"], 10)
        assert {marked.mark.path for marked in left} == marks(database).keys()
        watermarks += database.sql("select clean_epoch, clean_number = number from owners where owner = 'users/ada'")

    assert watermarks == [(0, False), (1, True)]
    ada.add(1)
    with mirror_connection, mirror_connection.cursor() as cursor:
        assert {one.mark.path for one in read_marks(cursor, ["users/ada"], 10)} == marks(database).keys() != set()


def test_an_owner_whose_counter_is_held_is_looked_at_again_at_once(
    books, running_mirror, database, eventually, clean, gate
):
    """The writer that held it may have marked nothing: no bell rings, and the sweep is an hour away."""
    ada = books()
    (row,) = ada.add(1)
    running_mirror(host=gate.address, sweep_seconds=3600)
    eventually(clean)
    writer = connect(database.url())

    def hold(_: object) -> None:
        with writer.cursor() as cursor:
            cursor.execute("select from owners where owner = 'users/ada' for update")

    gate.after = hold
    ada.annotate(row, "shown")
    eventually(lambda: database.sql("select count(*) from changes") == [(0,)])
    assert database.sql("select dirty from owners") == [(True,)]
    writer.rollback()

    eventually(clean)
    writer.close()

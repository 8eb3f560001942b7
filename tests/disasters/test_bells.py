"""Bells that ring while the mirror's own listening connection is busy."""

from __future__ import annotations

import contextlib
import select

import psycopg2

from sync.mirror.session import Session
from tests.fixtures.waiting import eventually


def test_a_bell_that_a_query_took_off_the_wire_is_still_told(books, database):
    ada = books()
    session = Session(database.url("mirror"))
    try:
        session.rung()
        database.sql("update owners set dirty = false")
        ada.add()

        session.dirty(1, 0)  # the answer to a query brings the notification along

        assert not select.select([session.fileno()], [], [], 0)[0]  # nothing more would ever wake a select
        assert session.rung() == {"users/ada"}
    finally:
        session.close()


def test_no_edit_waits_for_the_sweep(books, running_mirror, database, eventually, clean, assert_mirrored):
    """Each edit follows the last one's acknowledgement at once: bells ring while the session releases its owner."""
    everybody = [books(f"reader-{number}") for number in range(4)]
    rows = [person.add()[0] for person in everybody]
    running_mirror(sweep_seconds=3600, mirror_month_interval_seconds=0.0)
    eventually(clean)

    with contextlib.closing(psycopg2.connect(database.url("postgres"))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for number in range(600):
            cursor.execute("update entries set note = %s where id = %s", (f"note {number}", rows[number % 4]))
            wait_for_no_mark(cursor)

    assert_mirrored()


def wait_for_no_mark(cursor) -> None:
    def clean() -> bool:
        cursor.execute("select count(*) from changes")
        return cursor.fetchone() == (0,)

    eventually(clean, 20)

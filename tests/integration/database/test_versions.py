"""Versions: one counter per owner, locked by the writer until it commits."""

from __future__ import annotations

import threading

import psycopg2

_WAITS = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


def test_versions_are_given_out_in_the_order_of_commits(books, database, eventually):
    """Two writers at once, of different rows: whoever commits later has the higher version, never the same one."""
    ada = books()
    one, two = ada.add(2)
    first, second = psycopg2.connect(database.url()), psycopg2.connect(database.url())
    edit = "update entries set note = 'edited' where id = %s"

    def late() -> None:
        with second, second.cursor() as cursor:
            cursor.execute(edit, (two,))

    with first, first.cursor() as cursor:
        cursor.execute(edit, (one,))
        rival = threading.Thread(target=late)
        rival.start()
        eventually(lambda: database.sql(_WAITS) == [(1,)])
    rival.join(20)
    first.close()
    second.close()

    numbers = dict(database.sql("select path, number from changes"))
    (counter,) = database.sql("select number from owners where owner = 'users/ada'")
    versions = [numbers[ada.path("transactions", row)] for row in (one, two)]
    assert versions == [counter[0] - 1, counter[0]]

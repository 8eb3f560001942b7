"""Postgres is restarted, killed, or has no connection to spare, while a mirror runs and people edit."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import psycopg2
import pytest

from local import postgres
from sync.db import transaction
from sync.errors import DatabaseUnavailable
from tests.fixtures.database import Database


@pytest.fixture
def database(own_cluster: Callable[..., Database]) -> Iterator[Database]:
    """A ledger on a cluster of this test's own."""
    return own_cluster("-c", "max_connections=24", "-c", "superuser_reserved_connections=3")


def restart(database: Database, number: int) -> None:
    """Ends the server by a signal and starts it again where it was."""
    database.close()
    database._admin = None
    os.killpg(database.server.process.pid, number)
    database.server.process.wait(20)
    database.server.process = postgres.start(database.server.data, port=database.server.port, durable=False).process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["fast shutdown", "at once, with recovery"])
def test_a_restarted_ledger_is_listened_to_again(
    books, running_mirror, database: Database, eventually, clean, assert_mirrored, number: int
):
    ada = books()
    rows = ada.add(5)
    running_mirror(sweep_seconds=600)
    eventually(clean)
    ada.categorize(rows[0], "TRAVEL")

    restart(database, number)
    ada.sql = database.sql
    ada.categorize(rows[1], "MEDICAL")
    eventually(clean, 40)
    ada.remove(rows[2])  # by the bell of the new session
    eventually(clean)

    assert_mirrored()


def test_without_a_free_connection_it_waits_and_then_goes_on(
    books, running_mirror, database: Database, eventually, clean, assert_mirrored, deps_for
):
    ada = books()
    rows = ada.add(5)
    running_mirror(sweep_seconds=0.5)
    eventually(clean)
    api = deps_for("api")
    with ExitStack() as hogs:
        database.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where usename in ('livespend_mirror', 'livespend_api')"
        )
        refused = 0
        while not refused:
            try:
                hogs.enter_context(closing(psycopg2.connect(database.url("livespend_owner"))))
            except psycopg2.OperationalError:
                refused += 1
        ada.categorize(rows[0], "TRAVEL")  # the superuser has a connection left
        with pytest.raises(DatabaseUnavailable), transaction(api.engine, "ada"):
            pass
        assert database.sql("select count(*) from changes") != [(0,)]

    eventually(clean, 40)
    assert_mirrored()

"""Statements that a connection plans once."""

from __future__ import annotations

import psycopg2
import pytest

from sync.mirror.prepared import FEW, Statement

_PAIRS = Statement("select a, b from unnest(%s::text[], %s::int[]) as w(a, b) where a like 'k%%'", "text[]", "int[]")


@pytest.fixture
def connection(database):
    opened = psycopg2.connect(database.url())
    yield opened
    opened.close()


def _prepared(connection) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_prepared_statements where name like 'livespend%'")
        return cursor.fetchone()[0]


def test_few_keys_are_prepared_once_per_connection(connection):
    with connection.cursor() as cursor:
        for number in range(3):
            assert _PAIRS.run(cursor, ["k", "x"], [number, 0]) == [("k", number)]
    assert _prepared(connection) == 1


def test_many_keys_and_many_rows_expected_are_planned_for_themselves(connection):
    with connection.cursor() as cursor:
        assert len(_PAIRS.run(cursor, ["k"] * (FEW + 1), [1] * (FEW + 1))) == FEW + 1
        assert _PAIRS.run(cursor, ["k"], [1], rows=FEW + 1) == [("k", 1)]
    assert _prepared(connection) == 0


def test_a_prepared_statement_survives_the_rollback_of_its_transaction(connection):
    with connection.cursor() as cursor:
        _PAIRS.run(cursor, ["k"], [1])
        connection.rollback()
        assert _PAIRS.run(cursor, ["k"], [2]) == [("k", 2)]


def test_without_keys_there_are_no_rows(connection):
    with connection.cursor() as cursor:
        assert _PAIRS.run(cursor, [], []) == []

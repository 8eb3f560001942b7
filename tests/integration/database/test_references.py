"""What transactions and entries refer to is there, whoever writes and deletes at the same moment."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from tests.fixtures.database import Database

ENTRY, THEIR_ENTRY = "00000000-0000-0000-0000-00000000000e", "10000000-0000-0000-0000-00000000000e"
ACCOUNT, THEIR_ACCOUNT = "00000000-0000-0000-0000-00000000000a", "10000000-0000-0000-0000-00000000000a"
NOBODYS = "20000000-0000-0000-0000-000000000000"

ROW = (
    "insert into transactions (plaid_transaction_id, entry_id, user_id, account_id, source, amount, iso_currency, "
    "date, pending, name, bank_category_id) values ('t', '{entry}', 'u1', '{account}', 'bank', 5, 'USD', "
    "'2026-11-05', false, 'Tea', '{category}')"
)
KNOWN = {"entry": ENTRY, "account": ACCOUNT, "category": "NEW"}
# What a row may not name, and the constraint that says so.
STRANGE = {
    "no entry": ({"entry": NOBODYS}, "fk_transactions_entry_id_entries"),
    "another user's entry": ({"entry": THEIR_ENTRY}, "fk_transactions_entry_id_entries"),
    "no account": ({"account": NOBODYS}, "fk_transactions_account_id_accounts"),
    "another user's account": ({"account": THEIR_ACCOUNT}, "fk_transactions_account_id_accounts"),
    "no category": ({"category": "NOTHING"}, "fk_transactions_bank_category_id_categories"),
    "another user's category": ({"category": "theirs"}, "fk_transactions_bank_category_id_categories"),
}
# What a transaction refers to, each deletable as long as none does.
REFERRED = {
    "entry": f"delete from entries where id = '{ENTRY}'",
    "account": f"delete from accounts where id = '{ACCOUNT}'",
    "category": "delete from categories where id = 'NEW'",
    "own category": "delete from categories where id = 'own'",
}


@pytest.fixture
def ledger(database: Database) -> Database:
    """Two users with an entry, an account and a category each, and a category of the taxonomy; no transaction."""
    for user, entry, account, category in (
        ("u1", ENTRY, ACCOUNT, "own"),
        ("u2", THEIR_ENTRY, THEIR_ACCOUNT, "theirs"),
    ):
        database.sql("insert into users (id) values (%s)", user)
        database.sql("insert into items (id, user_id, plaid_item_id) values (%s, %s, %s)", account, user, user)
        database.sql(
            "insert into accounts (id, user_id, item_id, plaid_account_id, name, type) "
            "values (%s, %s, %s, %s, 'Checking', 'depository')", account, user, account, user)  # fmt: skip
        database.sql("insert into entries (id, user_id) values (%s, %s)", entry, user)
        database.sql("insert into categories (id, user_id, name) values (%s, %s, 'Mine')", category, user)
    database.sql("insert into categories (id, name) values ('NEW', 'New')")
    return database


def row(**named: str) -> str:
    return ROW.format(**KNOWN | named)


def of_category(deleted: str) -> str:
    return "own" if deleted == "own category" else "NEW"


@pytest.mark.parametrize("strange", STRANGE)
def test_a_row_refers_to_what_its_user_has(ledger: Database, strange: str) -> None:
    named, constraint = STRANGE[strange]

    with pytest.raises(psycopg2.errors.ForeignKeyViolation, match=constraint):
        ledger.sql(row(**named))

    ledger.sql(row())
    with pytest.raises(psycopg2.errors.ForeignKeyViolation, match=constraint) as refused:
        ledger.sql(
            "update transactions set entry_id = %s, account_id = %s, bank_category_id = %s",
            *(KNOWN | named).values(),
        )
    assert refused.value.diag.constraint_name == constraint


def test_an_entry_refers_to_a_user(ledger: Database) -> None:
    with pytest.raises(psycopg2.errors.ForeignKeyViolation, match="fk_entries_user_id_users"):
        ledger.sql("insert into entries (user_id) values ('u1'), ('nobody')")


@pytest.mark.parametrize("deleted", REFERRED)
def test_what_a_row_refers_to_is_not_deleted(ledger: Database, deleted: str) -> None:
    ledger.sql(row(category=of_category(deleted)))

    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        ledger.sql(REFERRED[deleted])

    ledger.sql("delete from transactions")
    ledger.sql(REFERRED[deleted])


def test_a_user_with_entries_is_not_deleted(ledger: Database) -> None:
    ledger.sql("insert into users (id) values ('u3')")
    ledger.sql("insert into entries (user_id) values ('u3')")

    with pytest.raises(psycopg2.errors.ForeignKeyViolation, match="fk_entries_user_id_users"):
        ledger.sql("delete from users where id = 'u3'")

    ledger.sql("delete from entries where user_id = 'u3'")
    ledger.sql("delete from users where id = 'u3'")


def test_a_snapshot_that_is_older_than_the_lock_writes_no_references(ledger: Database) -> None:
    for statement in (row(), REFERRED["entry"]):
        connection = psycopg2.connect(ledger.url())
        connection.set_session(isolation_level="REPEATABLE READ")
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.FeatureNotSupported):
            cursor.execute(statement)
        connection.close()


@pytest.mark.parametrize("deleted", REFERRED)
@pytest.mark.parametrize("first", ["row", "delete"])
def test_of_a_row_and_the_end_of_what_it_refers_to_at_once_one_is_refused(
    ledger: Database, first: str, deleted: str
) -> None:
    statements = {"row": row(category=of_category(deleted)), "delete": REFERRED[deleted]}
    (second,) = statements.keys() - {first}
    holder = psycopg2.connect(ledger.url())
    with holder.cursor() as cursor:
        cursor.execute(statements[first])

    with ThreadPoolExecutor(1) as beside:
        late = beside.submit(_write, ledger, statements[second])
        _wait_for_a_lock(ledger, late)
        holder.commit()
        with pytest.raises(psycopg2.errors.ForeignKeyViolation):
            late.result(30)

    holder.close()
    assert ledger.sql("select count(*) from transactions") == [(1 if first == "row" else 0,)]


def test_every_reference_that_is_declared_only_is_checked_by_triggers(database: Database) -> None:
    declared = database.sql(
        "select conrelid::regclass::text, confrelid::regclass::text from pg_constraint where contype = 'f' "
        "and not conenforced order by 1, 2"
    )
    checking = set(
        database.sql(
            "select tgrelid::regclass::text, tgname from pg_trigger where tgname like 'refer%%' and tgenabled = 'O'"
        )
    )

    assert declared == [
        ("entries", "users"),
        ("transactions", "accounts"),
        ("transactions", "categories"),
        ("transactions", "entries"),
        ("transactions", "users"),
    ]
    assert {table for table, name in checking if name == "referred_delete"} == {other for _, other in declared}
    assert {table for table, name in checking if name == "refers_insert"} == {table for table, _ in declared}
    assert ("transactions", "refers_update") in checking


def _write(database: Database, statement: str) -> None:
    connection = psycopg2.connect(database.url())
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def _wait_for_a_lock(database: Database, late: Future[Any]) -> None:
    until = time.monotonic() + 30
    waiting = "select count(*) from pg_stat_activity where datname = %s and wait_event_type = 'Lock'"
    while database.sql(waiting, database.name) == [(0,)]:
        assert not late.done(), "nobody made it wait"
        assert time.monotonic() < until

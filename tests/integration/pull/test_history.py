"""What a pull reads of the ledger, where the ledger holds much more than the pull is about."""

from __future__ import annotations

from decimal import Decimal

from tests.fixtures.database import Database
from tests.integration.pull.bank import page, row
from tests.integration.pull.conftest import Linked

OTHERS = 20_000
OWN = 500
_OTHERS_HISTORY = f"""
set session_replication_role = replica;
insert into users (id) values ('other');
insert into items (id, user_id, plaid_item_id) values (gen_random_uuid(), 'other', 'item-other');
insert into accounts (user_id, item_id, plaid_account_id, name, type)
    select 'other', id, 'acc-other', 'Checking', 'depository' from items where user_id = 'other';
insert into entries (id, user_id) select md5(n::text)::uuid, 'other' from generate_series(1, {OTHERS}) n;
insert into transactions (plaid_transaction_id, entry_id, user_id, account_id, source, amount, iso_currency, date,
    pending, name, bank_category_id)
    select 'other-' || n, md5(n::text)::uuid, 'other', a.id, 'bank', 5, 'USD', date '2026-11-05', false, 'Tea',
    'FOOD_AND_DRINK' from generate_series(1, {OTHERS}) n, accounts a where a.user_id = 'other';
reset session_replication_role;
"""


def test_one_changed_row_reads_no_table_of_everybodys_rows_whole(linked: Linked, database: Database) -> None:
    linked.bank.at(None, page(added=[row(f"mine-{n}") for n in range(OWN)], to="C1"))
    linked.bank.at("C1", page(modified=[row("mine-7", amount=99)], to="C2"))
    for statement in _OTHERS_HISTORY.split(";\n")[:-1]:
        database.sql(statement)
    linked.pull()
    database.sql("vacuum analyze transactions, entries, accounts")
    before = rows_read_by_scans(linked, database)

    linked.pull()

    read = rows_read_by_scans(linked, database) - before
    assert read < OTHERS
    assert linked.live()["mine-7"] == Decimal(99)  # reads all rows itself


def rows_read_by_scans(linked: Linked, database: Database) -> int:
    """So many rows of transactions and entries have ever been read by scans of the whole table."""
    linked.deps.engine.dispose()  # a backend that ends has told its counts
    while linked.one(
        "select count(*) from pg_stat_activity where usename = 'livespend_worker' and datname = %s", database.name
    ):
        pass
    return int(
        linked.one("select sum(seq_tup_read) from pg_stat_user_tables where relname in ('transactions', 'entries')")
    )

"""How much of the ledger a claim reads, where others have far more."""

from __future__ import annotations

from sync.mirror.marks import read_owners
from sync.mirror.projection import project
from sync.mirror.session import connect_reading, snapshot

MANY, OTHERS = 400, 4_000


def test_many_claimed_transactions_are_read_by_their_keys(books, database):
    ada, bob = books("ada"), books("bob")
    paths = [ada.path("transactions", row) for row in ada.add(MANY)]
    bob.add(OTHERS)
    database.sql("analyze transactions, entries")
    connection = connect_reading(database.url("mirror"))

    with snapshot(connection) as cursor:
        owners = {row.owner: row for row in read_owners(cursor, ["users/ada"])}
        documents = project(cursor, paths, owners)
        cursor.execute(
            "select sum(seq_tup_read + idx_tup_fetch) from pg_stat_xact_user_tables "
            "where relname in ('transactions', 'entries')"
        )
        ((rows,),) = cursor.fetchall()
    connection.close()

    assert len(documents) == MANY
    assert rows <= 2 * MANY

"""The mirror loses its connections to the ledger."""

from __future__ import annotations


def cut(database) -> int:
    """Ends every connection of the mirror's role, as a failover would."""
    return database.sql(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity "
        "where usename = 'livespend_mirror' and datname = current_database()"
    )[0][0]


def test_a_mirror_that_lost_the_ledger_listens_and_sweeps_again(
    books, running_mirror, database, eventually, clean, assert_mirrored
):
    ada = books()
    rows = ada.add(3)
    running_mirror(sweep_seconds=600)
    eventually(clean)

    assert cut(database) == 3
    ada.categorize(rows[0], "TRAVEL")
    eventually(clean)
    ada.categorize(rows[0], "MEDICAL")  # heard by the new session, not found by its first sweep
    eventually(clean)

    assert_mirrored()


def test_a_lost_bell_is_found_by_the_sweep(books, running_mirror, database, eventually, clean, assert_mirrored):
    ada = books()
    rows = ada.add(3)
    running_mirror(sweep_seconds=0.2)
    eventually(clean)
    database.sql("alter table owners disable trigger all")
    database.sql("update owners set dirty = true, dirty_since = now(), number = number + 1 where owner = 'users/ada'")
    database.sql(
        "insert into changes select owner, %s, epoch, number, now() from owners where owner = 'users/ada'",
        ada.path("transactions", rows[0]),
    )

    eventually(clean)

    assert_mirrored()

"""The mirror loses its connections to the ledger."""

from __future__ import annotations

from sync.mirror.session import connect


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

    assert cut(database) >= 2  # the one that listens and claims, the one that acknowledges
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


def test_an_acknowledgement_that_was_cut_off_is_written_once_the_ledger_is_back(
    books, running_mirror, gate, database, eventually, clean, firestore_server, assert_mirrored
):
    """The commit is in, its acknowledgement waits behind a lock when every line is cut: it is not done twice."""
    ada = books()
    rows = ada.add(3)
    mirror = running_mirror(host=gate.address, sweep_seconds=600)
    eventually(clean)
    writer = connect(database.url())
    with writer.cursor() as cursor:
        cursor.execute("lock table mirror_state in share mode")
        ada.annotate(rows[0], "shown, not acknowledged yet")
        eventually(lambda: waits_for_a_lock(database))
        sent = len(gate.seen)
        assert cut(database) >= 2  # the one that listens and claims, the one that acknowledges
    writer.rollback()
    writer.close()

    eventually(clean)

    assert len(gate.seen) == sent
    assert mirror.counts["read"] == 0
    assert_mirrored()


def waits_for_a_lock(database) -> bool:
    """Whether a mirror's connection waits behind somebody."""
    return database.sql(
        "select count(*) from pg_stat_activity where usename = 'livespend_mirror' and wait_event_type = 'Lock' "
        "and datname = current_database()"
    ) == [(1,)]

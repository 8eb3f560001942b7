"""A mirror is killed at each named step; the next one finishes its work."""

from __future__ import annotations

import signal

import pytest


@pytest.mark.parametrize("step", ["mirror:claimed", "mirror:built", "mirror:committed", "mirror:acknowledged"])
@pytest.mark.parametrize("first", [True, False], ids=["first commit", "later commit"])
def test_a_mirror_killed_at_any_step_loses_and_doubles_nothing(
    step: str, *, first: bool, books, mirrored, run_mirror, assert_mirrored, database
):
    ada = books()
    rows = ada.add(4)
    ada.add(2, on="2026-10-01")
    if not first:
        mirrored()
        ada.categorize(rows[0], "TRAVEL")  # an update
        ada.remove(rows[1])  # a deletion
        ada.add(2)  # creations
        database.sql("update transactions set date = '2026-10-02' where entry_id = %s", rows[2])

    assert run_mirror(step) == -signal.SIGKILL
    ada.categorize(rows[3], "MEDICAL")
    assert run_mirror() == 0

    assert_mirrored()


def test_a_commit_whose_acknowledgement_never_came_is_adopted_without_a_write(
    books, mirrored, run_mirror, assert_mirrored, firestore_server
):
    ada = books()
    rows = ada.add(3)
    mirrored()
    ada.categorize(rows[0], "TRAVEL")
    run_mirror("mirror:committed")
    before = firestore_server.stats()

    mirror = mirrored()

    assert firestore_server.stats()["requested"] == before["requested"]
    assert mirror.counts["drift"] == 0
    assert_mirrored()

"""What a change costs in Firestore, counted exactly."""

from __future__ import annotations

from tests.fixtures.gate import Gate
from tests.fixtures.mirror import eventually


def test_a_first_page_of_500_in_one_month_is_502_writes_in_one_commit(books, mirrored, writes):
    ada = books()
    mirrored()
    with writes() as counted:
        ada.add(500)
        mirrored()

    assert counted == {"commits": 1, "requested": 502, "creates": 501, "updates": 1, "deletes": 0}


def test_a_category_change_is_two_writes(books, mirrored, writes):
    ada = books()
    entry, *_ = ada.add(3)
    mirrored()
    with writes() as counted:
        ada.categorize(entry, "TRAVEL")
        mirrored()

    assert counted == {"commits": 1, "requested": 2, "creates": 0, "updates": 2, "deletes": 0}


def test_splits_are_two_writes(books, mirrored, writes):
    ada = books()
    entry, *_ = ada.add(3)
    mirrored()
    with writes() as counted:
        ada.split(entry, ("TRAVEL", "1"), ("MEDICAL", "2"))
        mirrored()

    assert counted == {"commits": 1, "requested": 2, "creates": 0, "updates": 2, "deletes": 0}


def test_a_row_that_changes_its_month_is_three_writes(books, mirrored, writes, database):
    ada = books()
    entry, *_ = ada.add(2, on="2026-10-03")
    ada.add(2, on="2026-11-03")
    mirrored()
    with writes() as counted:
        database.sql("update transactions set date = '2026-11-04' where entry_id = %s", entry)
        mirrored()

    assert counted == {"commits": 1, "requested": 3, "creates": 0, "updates": 3, "deletes": 0}


def test_a_note_is_one_write(books, mirrored, writes, database):
    ada = books()
    entry, *_ = ada.add(1)
    mirrored()
    with writes() as counted:
        database.sql("update entries set note = 'lunch' where id = %s", entry)
        mirrored()

    assert counted == {"commits": 1, "requested": 1, "creates": 0, "updates": 1, "deletes": 0}


def test_an_update_that_changes_nothing_is_no_write(books, mirrored, writes, database):
    ada = books()
    ada.add(5)
    mirrored()
    with writes() as counted:
        database.sql("update transactions set name = name, amount = amount where user_id = 'ada'")
        mirrored()

    assert counted == {"commits": 0, "requested": 0, "creates": 0, "updates": 0, "deletes": 0}


def test_edits_inside_a_pacing_window_are_one_trailing_commit_of_the_whole_pair(
    books, mirrored, running_mirror, gate: Gate, assert_mirrored, clean
):
    ada = books()
    entry, *_ = ada.add(3)
    mirrored()
    running_mirror(host=gate.address, mirror_month_interval_seconds=1.0)
    ada.categorize(entry, "TRAVEL")
    eventually(lambda: gate.seen)
    for category in ("MEDICAL", "ENTERTAINMENT", "TRAVEL", "MEDICAL"):
        ada.categorize(entry, category)
    eventually(lambda: len(gate.seen) == 2)
    eventually(clean)

    assert [len(seen.paths) for seen in gate.seen] == [2, 2]
    assert gate.seen[1].at - gate.seen[0].at >= 0.9
    assert_mirrored()

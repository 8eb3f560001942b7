"""What a change costs in Firestore, counted exactly."""

from __future__ import annotations

import threading

import pytest

from tests.fixtures.gate import Gate
from tests.fixtures.waiting import eventually


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


@pytest.mark.parametrize("edits", [1, 7, 40])
def test_edits_of_one_document_while_a_commit_is_under_way_are_one_write(
    books, mirrored, running_mirror, gate: Gate, writes, clean, edits: int
):
    ada = books()
    entry, other = ada.add(2)
    mirrored()
    edited = threading.Event()
    gate.before = lambda seen: edited.wait(10) and None
    running_mirror(host=gate.address)
    ada.annotate(other, "holds the commit back")
    eventually(lambda: gate.seen)
    with writes() as counted:
        for number in range(edits):
            ada.annotate(entry, f"note {number}")
        edited.set()
        eventually(clean)

    assert [len(seen.paths) for seen in gate.seen] == [1, 1]
    assert counted["requested"] == 2


def test_the_meter_tells_the_same_writes_per_changed_transaction(books, mirrored, database):
    ada = books()
    mirrored()
    before = _metered(database)
    ada.add(500)
    mirrored()
    page = _metered(database)
    entry, *_ = ada.add(1)
    mirrored()
    ada.categorize(entry, "TRAVEL")
    mirrored()

    assert (page[0] - before[0], page[1] - before[1]) == (502, 500)
    # a new row is three (itself, its month, the head that guards a creation), a change is two
    assert (_metered(database)[0] - page[0], _metered(database)[1] - page[1]) == (5, 2)


def _metered(database) -> tuple[int, int]:
    """Writes, and changes of transactions, as the cost meter has them."""
    return database.sql(
        "select sum(writes + deletes)::int, coalesce(sum(changes) filter (where kind = 'transactions'), 0)::int "
        "from mirror_costs"
    )[0]


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

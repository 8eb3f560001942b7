"""Commits whose answer never came: applied, not applied, or applied much later."""

from __future__ import annotations

import grpc
import pytest


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL"])
def test_an_ambiguous_commit_is_read_before_anything_is_written_again(
    books, mirrored, firestore_server, assert_mirrored, *, applied: bool, code: str
):
    ada = books()
    rows = ada.add(4)
    mirrored()
    ada.categorize(rows[0], "TRAVEL")
    ada.remove(rows[1])
    ada.add(1)
    firestore_server.fail_commits(1, code, applied=applied)

    mirror = mirrored()

    assert (mirror.counts["unknown"], mirror.counts["drift"]) == (1, 0)
    assert_mirrored()


def test_a_delayed_update_cannot_win_over_a_newer_one(books, mirrored, gate, assert_mirrored):
    ada = books()
    rows = ada.add(2)
    mirrored()
    gate.hold_next()
    ada.categorize(rows[0], "TRAVEL")
    mirrored(host=gate.address)
    ada.categorize(rows[0], "MEDICAL")
    mirrored()

    assert gate.release() == [grpc.StatusCode.FAILED_PRECONDITION]
    assert_mirrored()


def test_an_edit_there_and_back_still_fences_off_the_delayed_commit_in_between(books, mirrored, gate, assert_mirrored):
    ada = books()
    rows = ada.add(2)
    mirrored()
    ada.annotate(rows[0], "B")  # from A to B, held back: no other document is in this commit ...
    mirror_that_dies_unanswered(mirrored, gate)
    ada.annotate(rows[0], None)  # ... and back to A, which Firestore seems to hold already
    mirrored()

    assert gate.release() == [grpc.StatusCode.FAILED_PRECONDITION]
    assert_mirrored()


def test_a_delayed_creation_cannot_bring_back_what_was_removed_since(books, mirrored, gate, assert_mirrored):
    ada = books()
    ada.add(2)
    mirrored()
    (row,) = ada.add(1, on="2026-06-01")  # alone in its month: nothing but the head can stand guard
    mirror_that_dies_unanswered(mirrored, gate)
    ada.remove(row)  # it never was in Firestore, as far as anybody knows
    mirrored()

    assert gate.release() == [grpc.StatusCode.FAILED_PRECONDITION]
    assert_mirrored()


def test_a_delayed_creation_cannot_undo_a_creation_and_deletion_since(books, mirrored, gate, assert_mirrored):
    ada = books()
    ada.add(2)
    mirrored()
    (row,) = ada.add(1, on="2026-06-01")  # alone in its month: nothing but the head can stand guard
    mirror_that_dies_unanswered(mirrored, gate)
    mirrored()
    ada.remove(row)
    mirrored()

    assert gate.release() == [grpc.StatusCode.FAILED_PRECONDITION]
    assert_mirrored()


def test_a_delayed_deletion_cannot_take_away_what_was_restored_since(books, mirrored, gate, assert_mirrored):
    ada = books()
    rows = ada.add(2)
    mirrored()
    ada.remove(rows[0])
    mirror_that_dies_unanswered(mirrored, gate)
    ada.restore(rows[0])
    mirrored()

    assert gate.release() == [grpc.StatusCode.FAILED_PRECONDITION]
    assert_mirrored()


def test_a_delayed_deletion_of_what_moves_no_total_cannot_take_it_away_either(
    books, mirrored, gate, assert_mirrored, database
):
    """No month and no head is written with what restores it: the deletion's own precondition is all there is."""
    ada = books()
    mirrored()
    path = ada.path("accounts", ada.account)
    database.sql("update accounts set removed_at = now()")
    mirror_that_dies_unanswered(mirrored, gate)
    assert path in gate.held[0].paths
    database.sql("update accounts set removed_at = null")
    mirrored()

    assert gate.release() == [grpc.StatusCode.FAILED_PRECONDITION]
    assert_mirrored()


def test_a_delayed_first_head_cannot_replace_the_head(books, mirrored, gate, assert_mirrored, database):
    books()
    mirror_that_dies_unanswered(mirrored, gate)
    database.sql("update users set display_name = 'Grace'")
    mirrored()

    assert gate.release() == [grpc.StatusCode.ALREADY_EXISTS]
    assert_mirrored()


def mirror_that_dies_unanswered(mirrored, gate) -> None:
    """Its commit is held back at the gate, and it ends without having learned what became of it."""
    gate.hold_next(then_closed=True)
    mirrored(host=gate.address, stop_when=lambda: bool(gate.held))

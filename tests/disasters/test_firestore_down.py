"""Firestore is away, out of quota, or refuses us: that costs time, not data."""

from __future__ import annotations

import threading
from itertools import pairwise

import grpc
import pytest

from sync import metrics
from tests.fixtures.gate import Refusal


def test_firestore_away_costs_time_and_bounded_marks(books, running_mirror, gate, database, eventually, clean):
    ada = books()
    rows = ada.add(3)
    running_mirror(host=gate.address)
    eventually(clean)
    gate.is_down = True
    for number in range(50):
        ada.categorize(rows[0], ["TRAVEL", "MEDICAL"][number % 2])
    assert database.sql("select count(*) from changes") == [(2,)]

    gate.is_down = False

    eventually(clean, 40)
    assert database.sql("select count(*) from changes") == [(0,)]


def test_a_slow_firestore_is_waited_for_and_edits_meanwhile_are_one_commit(
    books, running_mirror, gate, database, eventually, clean, assert_mirrored
):
    """It answers, long after it was asked: nobody sends the same again, and other users do not wait for it."""
    ada, bob = books("ada"), books("bob")
    (row,), (other,) = ada.add(1), bob.add(1)
    mirror = running_mirror(host=gate.address, sweep_seconds=0.1)
    eventually(clean)
    answer = threading.Event()

    def slow(seen) -> None:
        if any(path.startswith("users/ada") for path in seen.paths):
            assert answer.wait(30)

    gate.before = slow
    sent = len(gate.seen)
    ada.categorize(row, "TRAVEL")
    eventually(lambda: len(gate.seen) > sent)
    for number in range(20):
        ada.annotate(row, f"note {number}")
    bob.annotate(other, "not behind ada")
    eventually(lambda: database.sql("select owner from owners where dirty") == [("users/ada",)])
    answer.set()
    eventually(clean)

    assert sum(ada.path("transactions", row) in seen.paths for seen in gate.seen[sent:]) == 2
    assert (mirror.counts["unknown"], mirror.counts["read"], mirror.counts["drift"]) == (0, 0, 0)
    assert_mirrored()


def test_while_firestore_is_away_it_is_asked_ever_more_seldom(books, running_mirror, gate, eventually, clean):
    for number in range(30):
        books(f"user{number}")
    refused = []

    def refuse(seen) -> None:
        refused.append(seen.at)
        if len(refused) <= 10:
            raise Refusal(grpc.StatusCode.UNAVAILABLE)

    gate.before = refuse
    running_mirror(host=gate.address, mirror_concurrency=1)
    eventually(clean, 60)

    # After five failures in a row, and what had been built by then, one try at a time with pauses between.
    assert min(later - earlier for earlier, later in pairwise(refused[7:11])) >= 0.2


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.PERMISSION_DENIED])
def test_a_refusal_that_says_nothing_about_the_documents_is_tried_again(
    books, mirrored, gate, assert_mirrored, code: grpc.StatusCode
):
    ada = books()
    ada.add(3)
    refusals = iter(range(3))

    def refuse(_) -> None:
        if next(refusals, None) is not None:
            raise Refusal(code)

    gate.before = refuse
    mirrored(host=gate.address)

    assert_mirrored()


def test_a_quota_that_is_used_up_slows_the_mirror_down_and_loses_nothing(
    books, mirrored, firestore_server, assert_mirrored
):
    """Refused for a while, commits are sent again, fewer at a time."""
    for number in range(24):
        books(f"reader{number}").add(2)
    firestore_server.fail_commits(30, "RESOURCE_EXHAUSTED", applied=False)

    mirror = mirrored(mirror_concurrency=8)

    assert mirror.counts["quota"] == 30
    assert mirror.lanes.width < mirror.lanes.most
    assert f'livespend_mirror_pace{{limit="lanes"}} {float(mirror.lanes.width)}' in metrics.page().decode()
    assert mirror.counts["drift"] == 0
    assert_mirrored()


def test_an_emptied_firestore_is_filled_again_document_by_document_as_they_are_marked(
    books, mirrored, firestore_server, database, assert_mirrored
):
    ada = books()
    ada.add(5)
    mirrored()
    client = firestore_server.client()
    for path in firestore_server.documents():
        client.document(path).delete()
    database.sql("select mark_documents(array_agg(owner), array_agg(path)) from mirror_state")

    mirror = mirrored()

    assert mirror.counts["drift"] > 0
    assert_mirrored()

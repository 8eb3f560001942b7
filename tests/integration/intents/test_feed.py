"""Intents from Firestore to the ledger and their receipts back: real servers, silent listeners, floods, kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sync.erase import erasures
from tests.fixtures.database import Database
from tests.fixtures.firestore import FirestoreServer
from tests.fixtures.mirror import Books
from tests.fixtures.waiting import eventually
from tests.integration.intents.conftest import Device, Inbox, as_document, number, receipts

ROOT = Path(__file__).parents[3]
COFFEE = {"amount": "4.50", "currency": "USD", "date": "2026-11-20", "name": "Coffee", "categoryId": "FOOD_AND_DRINK"}
Open = Callable[..., Books]


def expenses(database: Database, user: str = "ada") -> int:
    found: int = database.sql("select count(*) from transactions where user_id = %s", user)[0][0]
    return found


def test_an_intent_becomes_a_row_a_document_and_a_receipt_and_goes(
    books: Open, inbox: Inbox, mirrored: Any, database: Database, firestore_server: FirestoreServer
) -> None:
    books()
    inbox.feed()
    intent = Device().intent("add-expense", COFFEE)

    inbox.leave(intent)
    eventually(lambda: not inbox.waiting() and receipts(database) == [("applied", None)])
    mirrored()

    documents = firestore_server.documents("users/ada")
    receipt = documents[f"users/ada/receipts/{intent.id}"]
    assert (receipt["outcome"], receipt["device"], receipt["sequence"]) == ("applied", intent.device, 1)
    for mark in receipt["marked"]:
        shown = documents[mark["path"]]["version"]
        assert (shown["epoch"], shown["number"]) >= (mark["version"]["epoch"], mark["version"]["number"])
    assert len(receipt["marked"]) == 2


def test_intents_that_lay_there_before_it_started_are_found_in_the_order_of_their_device(
    books: Open, inbox: Inbox, database: Database
) -> None:
    entry = books().add(1)[0]
    seen = number(database)
    device = Device()
    notes = [device.intent("set-note", {"entryId": entry, "note": f"note {n}"}, seen=seen) for n in range(30)]
    inbox.leave(*reversed(notes))

    inbox.feed()
    eventually(lambda: not inbox.waiting())

    assert set(receipts(database)) == {("applied", None)}
    assert database.sql("select note from entries") == [("note 29",)]


def test_two_feeds_apply_each_intent_once(books: Open, inbox: Inbox, database: Database) -> None:
    books()
    feeds = [inbox.feed(), inbox.feed()]
    devices = [Device() for _ in range(4)]

    inbox.leave(*(device.intent("add-expense", COFFEE) for _ in range(15) for device in devices))
    eventually(lambda: not inbox.waiting())

    assert expenses(database) == 60
    assert receipts(database) == [("applied", None)] * 60
    counted = sum((feed.counts for feed in feeds), Counter())
    assert counted["applied"] == 60


def test_a_commit_that_deletes_and_is_not_answered_applies_nothing_twice(
    books: Open, inbox: Inbox, database: Database, firestore_server: FirestoreServer
) -> None:
    books()
    intent = Device().intent("add-expense", COFFEE)
    inbox.leave(intent)
    firestore_server.fail_commits(3, applied=False)

    inbox.feed(sweep_seconds=0.2)
    eventually(lambda: not inbox.waiting())

    assert expenses(database) == 1


@pytest.mark.parametrize("step", ["intents:found", "intents:applied", "intents:committed"])
def test_killed_at_each_step_nothing_is_lost_or_doubled(
    books: Open, inbox: Inbox, database: Database, firestore_server: FirestoreServer, step: str
) -> None:
    books()
    device = Device()
    inbox.leave(*(device.intent("add-expense", COFFEE) for _ in range(3)))

    assert run_process(database, firestore_server, step) == -signal.SIGKILL
    assert len(inbox.waiting()) == 3
    assert (expenses(database) > 0) == (step == "intents:committed")

    inbox.feed()
    eventually(lambda: not inbox.waiting())
    assert expenses(database) == 3
    assert receipts(database) == [("applied", None)] * 3


def run_process(database: Database, firestore_server: FirestoreServer, step: str) -> int:
    environment = os.environ | {
        "APP_ENV": "local", "LIVESPEND_CRASH_AT": step, "API_DATABASE_URL": database.url("api"),
        "FIREBASE_PROJECT_ID": firestore_server.project, "FIRESTORE_EMULATOR_HOST": firestore_server.address,
    }  # fmt: skip
    command = [sys.executable, "-m", "workers.cli", "intents"]
    return subprocess.run(command, cwd=ROOT, env=environment, timeout=60, check=False).returncode


def test_a_listener_that_fell_silent_is_found_out_and_the_poll_stands_behind_it(
    books: Open, inbox: Inbox, database: Database, firestore_server: FirestoreServer
) -> None:
    books()
    device = Device()
    feed = inbox.feed(sweep_seconds=0.3, intent_silence_seconds=0.8)
    inbox.leave(device.intent("add-expense", COFFEE))
    eventually(lambda: expenses(database) == 1)

    firestore_server.mute_listeners()
    inbox.leave(device.intent("add-expense", COFFEE))
    eventually(lambda: expenses(database) == 2 and not inbox.waiting())  # by the poll alone
    eventually(lambda: feed.counts["reopened"] > 0)
    firestore_server.mute_listeners(False)


def test_a_silent_listener_is_opened_anew_without_any_poll(
    books: Open, inbox: Inbox, database: Database, firestore_server: FirestoreServer
) -> None:
    books()
    device = Device()
    feed = inbox.feed(intent_silence_seconds=0.8)
    eventually(lambda: any(path.startswith("beats/") for path in firestore_server.documents()))
    firestore_server.mute_listeners()
    inbox.leave(device.intent("add-expense", COFFEE))
    eventually(lambda: feed.counts["reopened"] > 0)
    assert expenses(database) == 0

    firestore_server.mute_listeners(False)
    eventually(lambda: expenses(database) == 1 and not inbox.waiting())


def test_an_idle_listener_that_brings_its_beat_is_left_alone(inbox: Inbox, firestore_server: FirestoreServer) -> None:
    feed = inbox.feed(intent_silence_seconds=0.8)

    def beats() -> set[Any]:
        return {str(fields["createdAt"]) for path, fields in firestore_server.documents().items() if "beats" in path}

    heard: list[set[Any]] = []
    eventually(lambda: heard.append(beats()) or len(set[Any]().union(*heard)) >= 8)  # type: ignore[func-returns-value]

    assert feed.counts["reopened"] == 0


def test_a_gap_is_waited_for_and_then_gone_over(books: Open, inbox: Inbox, database: Database) -> None:
    entry = books().add(1)[0]
    device = Device()
    device.sequence = 7  # what came before is lost for good
    inbox.feed(intent_gap_seconds=0.5)

    inbox.leave(device.intent("set-note", {"entryId": entry, "note": "later"}))
    eventually(lambda: not inbox.waiting())

    assert receipts(database) == [("applied", None)]


@pytest.mark.ours_only("beside a listener to thousands of documents the emulator is too slow")
def test_a_flood_is_bounded_and_another_user_is_served_meanwhile(
    books: Open, inbox: Inbox, database: Database, firestore_server: FirestoreServer
) -> None:
    books()
    books("bob")
    flooder, bob = Device(), Device("bob")
    client = inbox.client
    for _ in range(24):
        batch = client.batch()
        for _ in range(100):
            intent = flooder.intent("add-expense", COFFEE)
            batch.create(client.document(intent.path), as_document(intent))
        batch.commit()

    inbox.feed(intent_hourly_limit=100, intent_concurrency=1)
    eventually(lambda: expenses(database) > 0)
    inbox.leave(bob.intent("add-expense", COFFEE))
    eventually(lambda: expenses(database, "bob") == 1)
    left = len([path for path in inbox.waiting() if path.startswith("users/ada/")])

    eventually(lambda: not inbox.waiting(), 120)
    assert left > 0
    assert Counter(receipts(database)) == {("applied", None): 100, ("rejected", "intents-too-many"): 2300}
    assert expenses(database) == 100


def test_whose_it_is_comes_from_the_path_alone(books: Open, inbox: Inbox, database: Database) -> None:
    books()
    books("bob")
    intent = Device().intent("add-expense", COFFEE)
    forged = as_document(intent) | {"userId": "bob", "user_id": "bob", "uid": "bob"}
    inbox.client.document(intent.path).create(forged)

    inbox.feed()
    eventually(lambda: not inbox.waiting())

    assert (expenses(database, "ada"), expenses(database, "bob")) == (1, 0)


def test_an_intent_of_somebody_who_is_being_erased_goes_without_effect_and_stops_nobody(
    books: Open, inbox: Inbox, database: Database
) -> None:
    """The ID token of before is still valid for an hour, and with it the rules admit the intent."""
    books()
    books("bob")
    erasures.ask_own(inbox.build(), "ada")
    with capture_logs() as said:
        feed = inbox.feed()
        inbox.leave(Device().intent("add-expense", COFFEE), Device("bob").intent("add-expense", COFFEE))
        eventually(lambda: not inbox.waiting())

    assert (expenses(database), expenses(database, "bob")) == (0, 1)
    assert receipts(database) == []
    assert feed.counts["ownerless"] == 1
    assert [line["event"] for line in said if line["log_level"] == "error"] == []


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"v": 1, "kind": "set-note"},
        {"v": "1", "device": 7, "sequence": "first", "base": None, "body": [1]},
        {"v": 1, "kind": "x" * 5000, "device": "d", "sequence": 2**62, "base": {"epoch": 1, "number": 1}, "body": {}},
        {"v": 2, "kind": "set-note", "device": "d", "sequence": 1, "base": {"epoch": 1, "number": 1}, "body": {}},
    ],
)
def test_what_no_rule_would_admit_is_refused_and_stops_nothing(
    books: Open, inbox: Inbox, database: Database, fields: dict[str, Any]
) -> None:
    books()
    inbox.client.document(f"users/ada/intents/{uuid.uuid4()}").create(fields)
    inbox.client.document("users/ada/intents/no-uuid").create(fields)
    inbox.client.document("users/nobody/intents/" + str(uuid.uuid4())).create(fields)
    inbox.leave(Device().intent("add-expense", COFFEE))

    inbox.feed(sweep_seconds=0.3)
    eventually(lambda: not inbox.waiting())

    assert sorted(receipts(database)) == [("applied", None), ("rejected", "intent-invalid")]
    assert expenses(database) == 1


def test_it_goes_on_when_the_database_is_back(books: Open, inbox: Inbox, database: Database) -> None:
    books()
    inbox.feed(sweep_seconds=0.5)
    device = Device()
    inbox.leave(device.intent("add-expense", COFFEE))
    eventually(lambda: expenses(database) == 1)
    database.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'livespend_api'")

    inbox.leave(device.intent("add-expense", COFFEE))
    eventually(lambda: expenses(database) == 2 and not inbox.waiting())

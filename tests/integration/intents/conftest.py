"""A client that leaves intents, as the page does, and the ledger that they are about."""

from __future__ import annotations

import dataclasses
import functools
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from sync.deps import Deps
from sync.intents.intent_envelope import Intent
from sync.intents.intent_feed import IntentFeed
from sync.mirror.changes import Version
from sync.mirror.firestore import Firestore
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.fixtures.firestore import FirestoreServer


@dataclass
class Device:
    """Numbers its intents as a page does."""

    user: str = "ada"
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    sequence: int = 0

    def intent(self, kind: str, body: dict[str, Any], *, seen: int = 1_000_000, **changed: Any) -> Intent:
        """The next intent of this device; its user saw the version `seen`."""
        self.sequence += 1
        now = datetime.now(UTC)
        intent = Intent(self.user, uuid.uuid4(), now, now, self.name, self.sequence, kind, Version(1, seen), now, body)
        return dataclasses.replace(intent, **changed)


@pytest.fixture
def ledger(deps_for: DepsFor) -> Callable[..., Deps]:
    """Dependencies as the intents' door has them: the API's role. Settings are given by name."""

    def build(**settings: Any) -> Deps:
        deps = deps_for("api")
        return dataclasses.replace(deps, settings=dataclasses.replace(deps.settings, **settings))

    return build


def number(database: Database, user: str = "ada") -> int:
    """The version that the user's documents have reached."""
    found: int = database.sql("select number from owners where owner = %s", f"users/{user}")[0][0]
    return found


def receipts(database: Database, user: str = "ada") -> list[tuple[Any, ...]]:
    """Outcome and reason of each answered intent, in the order of their devices."""
    return database.sql(
        "select outcome, reason from intents_applied where user_id = %s order by device, sequence, applied_at", user
    )


def as_document(intent: Intent) -> dict[str, Any]:
    """The document that the page would write."""
    from google.cloud.firestore import SERVER_TIMESTAMP

    return {
        "v": 1, "kind": intent.kind, "device": intent.device, "sequence": intent.sequence,
        "base": intent.base._asdict(), "madeAt": intent.made_at, "createdAt": SERVER_TIMESTAMP, "body": intent.body,
    }  # fmt: skip


@dataclass
class Inbox:
    """The intents in Firestore, and the feeds that work on them."""

    server: FirestoreServer
    build: Callable[..., Deps]
    feeds: list[tuple[IntentFeed, threading.Thread]] = field(default_factory=list)

    def leave(self, *intents: Intent) -> None:
        """Writes intents as pages do, each in a commit of its own."""
        for intent in intents:
            self.client.document(intent.path).create(as_document(intent))

    @functools.cached_property
    def client(self) -> Any:
        return self.server.client()

    def waiting(self) -> list[str]:
        """The paths of the intents that are not dealt with."""
        return sorted(path for path in self.server.documents("users") if "/intents/" in path)

    def feed(self, **settings: Any) -> IntentFeed:
        """Starts another feed; it runs until the test ends."""
        feed = IntentFeed(self.build(**settings))
        thread = threading.Thread(target=feed.run, name="feed", daemon=True)
        thread.start()
        self.feeds.append((feed, thread))
        return feed

    def stop(self) -> None:
        for feed, _ in self.feeds:
            feed.stop()
        for _, thread in self.feeds:
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture
def inbox(ledger: Callable[..., Deps], firestore_server: FirestoreServer) -> Iterator[Inbox]:
    """Firestore with an inbox, and feeds on demand; the poll is an hour away unless a test says otherwise."""
    opened: list[Firestore] = []

    def build(**settings: Any) -> Deps:
        opened.append(Firestore(project=firestore_server.project, emulator_host=firestore_server.address))
        return dataclasses.replace(ledger(**{"sweep_seconds": 3600.0, **settings}), firestore=opened[-1])

    made = Inbox(firestore_server, build)
    yield made
    made.stop()
    for firestore in opened:
        firestore.close()

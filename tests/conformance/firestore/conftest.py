"""The server under test: ours, or the one that FIRESTORE_CONFORMANCE_HOST names. Each test has a project of its own."""

from __future__ import annotations

import contextlib
import queue
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local.firestore import server
from tests.conformance.firestore.wire import http_call
from tests.fixtures.firestore import owner_client

WAIT_SECONDS = 10


@dataclass
class Service:
    """A Firestore at an address, and a project in it that nobody else uses."""

    address: str
    project: str

    @property
    def root(self) -> str:
        return f"projects/{self.project}/databases/(default)/documents"

    def client(self) -> Any:
        return owner_client(self.address, self.project)

    def load_rules(self, text: str) -> tuple[int, str]:
        """Loads rules over the emulator's own endpoint; answers HTTP status and text."""
        body = {"rules": {"files": [{"content": text}]}}
        return http_call(self.address, "PUT", f"/emulator/v1/projects/{self.project}:securityRules", body)


@pytest.fixture
def service(conformance_host: str | None, firestore_process: server.RunningFirestore) -> Service:
    return Service(conformance_host or firestore_process.address, f"demo-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def client(service: Service) -> Any:
    return service.client()


class Events:
    """What a listener was called back with, in order."""

    def __init__(self) -> None:
        self._events: queue.Queue[tuple[list[Any], list[tuple[str, str]]]] = queue.Queue()

    def __call__(self, documents: Any, changes: Any, _read_time: Any) -> None:
        self._events.put(([each.id for each in documents], [(each.type.name, each.document.id) for each in changes]))

    def next(self) -> tuple[list[Any], list[tuple[str, str]]]:
        """The next snapshot: ids in order, and (kind, id) of each change."""
        return self._events.get(timeout=WAIT_SECONDS)

    def until(self, ids: list[str]) -> None:
        """Waits for a snapshot of exactly these ids."""
        while self.next()[0] != ids:
            pass


@pytest.fixture
def listen() -> Iterator[Any]:
    """`listen(query_or_reference) -> Events`; stopped after the test."""
    watches = []

    def begin(target: Any) -> Events:
        events = Events()
        watches.append(target.on_snapshot(events))
        return events

    yield begin
    for watch in watches:
        with contextlib.suppress(Exception):
            watch.unsubscribe()

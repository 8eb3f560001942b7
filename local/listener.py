"""A Firestore listener for the proofs: the vendor's own client, told when each document was received."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.services.firestore.transports.grpc import FirestoreGrpcTransport

_COLLECTIONS = ("transactions", "months", "items", "accounts")


class NotSeen(TimeoutError):
    """The listener was not told in time what it waits for."""


@dataclass(frozen=True)
class Received:
    """A document as the listener last received it."""

    path: str
    fields: dict[str, Any]
    written_at: datetime
    received_at: datetime

    @property
    def version(self) -> tuple[int, int]:
        version = self.fields["version"]
        return version["epoch"], version["number"]


class Listener:
    """Listens to one user's collections; use it as a context manager."""

    def __init__(self, address: str, project: str, uid: str, collections: tuple[str, ...] = _COLLECTIONS) -> None:
        self._client = owner_client(address, project)
        self._uid = uid
        self._changed = threading.Condition()
        self._documents: dict[str, Received] = {}
        self._started = {name: threading.Event() for name in collections}

    def __enter__(self) -> Listener:
        user = self._client.collection("users").document(self._uid)
        self._watches = [user.collection(name).on_snapshot(self._receiver(name)) for name in self._started]
        for name, started in self._started.items():
            if not started.wait(30):
                raise NotSeen(f"the listener on {name} got no first snapshot within 30 s")
        return self

    def __exit__(self, *error: object) -> None:
        for watch in self._watches:
            watch.unsubscribe()
        self._client.close()

    def wait(self, wanted: Callable[[str, dict[str, Any]], bool], seconds: float) -> Received:
        """Answers the first document that `wanted` accepts; raises NotSeen."""
        give_up = time.monotonic() + seconds
        with self._changed:
            while True:
                for found in self._documents.values():
                    if wanted(found.path, found.fields):
                        return found
                if not self._changed.wait(max(0.0, give_up - time.monotonic())):
                    raise NotSeen(f"the listener saw no such document within {seconds:.0f} s")

    def wait_for_version(self, path: str, version: dict[str, int], seconds: float) -> Received:
        """Answers the document at this version or a later one."""
        least = (version["epoch"], version["number"])
        return self.wait(lambda p, fields: p == path and _version(fields) >= least, seconds)

    def wait_for_month(self, row: Received, seconds: float) -> Received:
        """Answers the month document that belongs to a received transaction."""
        path = f"users/{self._uid}/months/{row.fields['month']}"
        return self.wait(lambda p, fields: p == path and _version(fields) >= row.version, seconds)

    def newest(self, part: str, wanted: Callable[[dict[str, Any]], bool]) -> Received:
        """Answers the document of the highest version among those that match."""
        with self._changed:
            found = [d for d in self._documents.values() if part in d.path and wanted(d.fields)]
        return max(found, key=lambda document: document.version)

    def _receiver(self, name: str) -> Callable[..., None]:
        def receive(snapshots: list[Any], changes: list[Any], read_time: object) -> None:
            now = datetime.now(UTC)
            with self._changed:
                for change in changes:
                    self._take(change, now)
                self._changed.notify_all()
            self._started[name].set()

        return receive

    def _take(self, change: Any, now: datetime) -> None:
        snapshot = change.document
        path = snapshot.reference.path
        if change.type.name == "REMOVED":
            self._documents.pop(path, None)
        else:
            self._documents[path] = Received(path, snapshot.to_dict(), snapshot.update_time, now)


def owner_client(address: str, project: str) -> firestore.Client:
    """An administrator's client of a local Firestore at host:port, whatever the environment says."""
    channel = grpc.insecure_channel(address)
    client = firestore.Client(project=project, credentials=AnonymousCredentials())
    client._firestore_api_internal = _api(channel)
    client._emulator_host = address
    return client


def _api(channel: grpc.Channel) -> Any:
    from google.cloud.firestore_v1.services.firestore import FirestoreClient

    return FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))


def _version(fields: dict[str, Any]) -> tuple[int, int]:
    version = fields.get("version") or {}
    return version.get("epoch", 0), version.get("number", 0)

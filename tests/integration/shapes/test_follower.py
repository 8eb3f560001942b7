"""A client that follows the pointer: at every moment it holds a complete set, the ledger's at some version."""

from __future__ import annotations

import threading
from typing import Any

from local.listener import owner_client
from sync.shapes import reshape
from tests.fixtures.shapes import TWO_SHAPES, untold

_COLLECTIONS = {1: "transactions", 2: "transactions_v2"}


class Follower:
    """Listens to a head, and to the transactions of the shape that it names; keeps every set it was shown."""

    def __init__(self, address: str, project: str, uid: str) -> None:
        self._client = owner_client(address, project)
        self._user = self._client.collection("users").document(uid)
        self._lock = threading.Lock()
        self._watches: list[Any] = []
        self._shape = 0
        self.shapes: list[int] = []
        self.shown: list[frozenset[tuple[str, Any]]] = []
        self._watches.append(self._user.on_snapshot(self._head))

    def _head(self, documents: list[Any], changes: object, time: object) -> None:
        for document in documents:
            shape = (document.to_dict() or {}).get("schemaVersion")
            with self._lock:
                if shape is None or shape == self._shape:
                    continue
                self._shape = shape
                self.shapes.append(shape)
                turn = len(self.shapes)
            self._watches.append(self._user.collection(_COLLECTIONS[shape]).on_snapshot(self._receiver(turn)))

    def _receiver(self, turn: int) -> Any:
        def receive(documents: list[Any], changes: object, time: object) -> None:
            rows = frozenset((one.id, one.to_dict()["note"]) for one in documents)
            with self._lock:
                if turn == len(self.shapes):  # what an older listener still brings is not looked at
                    self.shown.append(rows)

        return receive

    def close(self) -> None:
        for watch in self._watches:
            watch.unsubscribe()
        self._client.close()


def test_a_client_that_follows_the_pointer_never_sees_a_gap(
    books, running_mirror, shaped, database, firestore_server, eventually, clean, assert_shape
):
    ada = books()
    notes: dict[str, str | None] = dict.fromkeys(ada.add(8))
    running_mirror(shapes=TWO_SHAPES)
    eventually(clean)
    history = {frozenset(notes.items()): 0}
    follower = Follower(firestore_server.address, firestore_server.project, "ada")
    eventually(lambda: follower.shown)
    ended = threading.Event()

    def edit() -> None:
        number = 0
        while not ended.wait(0.01):
            number += 1
            row = list(notes)[number % len(notes)]
            notes[row] = f"note {number}"
            history[frozenset(notes.items())] = number  # before the ledger has it: never later than a screen
            ada.annotate(row, notes[row])

    writer = threading.Thread(target=edit)
    writer.start()
    try:
        reshape.build(shaped, 2, untold)
        reshape.flip(shaped, untold)
        eventually(lambda: follower.shapes[-1] == 2)
        reshape.abort(shaped, untold)
        eventually(lambda: follower.shapes[-1] == 1)
        reshape.build(shaped, 2, untold)
        reshape.flip(shaped, untold)
        reshape.sweep(shaped, untold)
        eventually(lambda: follower.shapes[-1] == 2)
    finally:
        ended.set()
        writer.join(30)
    eventually(clean)
    eventually(lambda: follower.shown[-1] == frozenset(notes.items()))
    follower.close()

    assert follower.shapes == [1, 2, 1, 2]
    assert all(len(rows) == len(notes) for rows in follower.shown), "a gap"
    versions = [history[rows] for rows in follower.shown]  # every set is the ledger's at some version
    assert versions == sorted(versions), "it went back"
    assert_shape(2)

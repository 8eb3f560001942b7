"""One Listen stream, read as a client reads it: what each target shows, and what a step changed in it.

The stream also follows one document of its own, the beat. It is written after every step, and once it has come with
a consistent snapshot, everything before it has come as well: that is how a run knows that a step has been shown.
"""

from __future__ import annotations

import queue
from typing import Any

import grpc

from local.firestore import pb
from tests.differential.firestore import canonical
from tests.differential.firestore.program import ROOT

BEAT = f"{ROOT}/beats/beat"
_BEAT_TARGET = 999
_SECONDS = 20
_ADD, _REMOVE, _CURRENT, _RESET = 1, 2, 3, 4


class Listening:
    """The targets of one user on one stream."""

    def __init__(self, channel: grpc.Channel, metadata: list[tuple[str, str]], database: str) -> None:
        self._database = database
        self._requests: queue.Queue[Any] = queue.Queue()
        stub = channel.stream_stream(
            "/google.firestore.v1.Firestore/Listen",
            lambda message: message.SerializeToString(),
            pb.ListenResponse.FromString,
        )
        self._answers = stub(iter(self._requests.get, None), metadata=metadata, timeout=120)
        self._beats = 0
        self._shown: dict[int, dict[str, str]] = {}
        self._told: dict[int, dict[str, str]] = {}
        self._states: dict[int, list[str]] = {}
        self._owed: set[int] = set()
        self._current: set[int] = set()
        self._removed: set[int] = set()
        request = pb.ListenRequest(database=database)
        request.add_target.target_id = _BEAT_TARGET
        request.add_target.documents.documents.append(BEAT)
        self._requests.put(request)

    def send(self, request: Any) -> None:
        """Adds or removes a target; the answer to it is waited for with the next beat."""
        self._owed |= {request.add_target.target_id or request.remove_target} - self._removed
        self._requests.put(request)

    def close(self) -> None:
        self._requests.put(None)
        self._answers.cancel()

    def beat(self) -> Any:
        """The write that says that a step is over."""
        self._beats += 1
        write = pb.Write()
        write.update.name = BEAT
        write.update.fields["n"].integer_value = self._beats
        return write

    def seen(self) -> dict[str, Any]:
        """What each target has newly shown since the last beat; raises when the beat does not come."""
        arrived = shown = False
        for message in self._answers:
            arrived = self._take(message) or arrived
            if _is_snapshot(message):
                shown, self._owed = arrived, self._owed - self._current
            if shown and not self._owed:
                self._current.clear()
                return self._news()
        raise AssertionError("the stream ended before the beat came")

    def _take(self, message: Any) -> bool:
        kind = message.WhichOneof("response_type")
        if kind == "target_change":
            self._target(message.target_change)
        elif kind == "document_change":
            return self._document(message.document_change)
        elif kind in {"document_delete", "document_remove"}:
            gone = getattr(message, kind)
            for target in gone.removed_target_ids:
                self._shown.get(target, {}).pop(canonical.relative(gone.document), None)
        return False

    def _document(self, change: Any) -> bool:
        if change.document.name == BEAT:
            return bool(change.document.fields["n"].integer_value == self._beats)
        path, text = canonical.relative(change.document.name), str(canonical.fields(change.document.fields))
        for target in change.target_ids:
            self._shown.setdefault(target, {})[path] = text
        for target in change.removed_target_ids:
            self._shown.get(target, {}).pop(path, None)
        return False

    def _target(self, change: Any) -> None:
        for target in change.target_ids:
            if change.target_change_type in {_ADD, _REMOVE} and target != _BEAT_TARGET:
                code = grpc_name(change.cause.code) if change.HasField("cause") else ""
                name = "added" if change.target_change_type == _ADD else f"removed {code}".strip()
                self._states.setdefault(target, []).append(name)
            if change.target_change_type == _CURRENT:
                self._current.add(target)
            if change.target_change_type == _REMOVE:
                self._owed.discard(target)
                self._removed.add(target)
            if change.target_change_type in {_REMOVE, _RESET}:
                self._shown.pop(target, None)
            if change.target_change_type == _REMOVE:
                self._told.pop(target, None)

    def _news(self) -> dict[str, Any]:
        news: dict[str, Any] = {}
        for target in sorted({*self._shown, *self._told, *self._states}):
            now, before = self._shown.get(target, {}), self._told.get(target, {})
            changed = {path: text for path, text in sorted(now.items()) if before.get(path) != text}
            changed |= {path: "gone" for path in sorted(before) if path not in now}
            states = self._states.pop(target, [])
            if changed or states:
                news[str(target)] = {**({"state": states} if states else {}), **changed}
        self._told = {target: dict(shown) for target, shown in self._shown.items()}
        return news


def _is_snapshot(message: Any) -> bool:
    change = message.target_change
    return bool(
        message.WhichOneof("response_type") == "target_change"
        and not change.target_change_type
        and not change.target_ids
        and change.HasField("read_time")
    )


def grpc_name(code: int) -> str:
    return next((status.name for status in grpc.StatusCode if status.value[0] == code), str(code))

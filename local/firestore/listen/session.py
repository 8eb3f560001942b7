"""One Listen stream: many targets, each a query or a set of documents, shown without gaps.

The order of messages is the protocol: ADD, (RESET), the documents, (how many there are), CURRENT, and then NO_CHANGE
without target ids, which alone makes a client show anything. A commit yields one message per document and stream and
then one NO_CHANGE.
A target that is denied or makes no sense is answered with ADD and REMOVE with a cause; the stream goes on.
Adapters hand requests in and carry what `send` is given; `close` must be called when the connection ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from local.firestore import names, pb
from local.firestore.access import Gate
from local.firestore.clock import microseconds_of, stamp
from local.firestore.database import Database
from local.firestore.errors import FirestoreError, invalid
from local.firestore.fields import FieldPath
from local.firestore.listen import tokens
from local.firestore.listen.index import Followed, Seat
from local.firestore.listen.resume import difference
from local.firestore.listen.view import Delta
from local.firestore.query.plan import Plan, make_plan
from local.firestore.query.run import projected

_ADD, _REMOVE, _CURRENT, _RESET = 1, 2, 3, 4


@dataclass(eq=False)
class Shown:
    """A target of this stream: what was asked, what it shows, and what the rules' verdict rests on."""

    target_id: int
    plan: Plan | None
    paths: frozenset[str]
    key: object
    followed: Followed | None = None
    guarded: set[str] = field(default_factory=set)

    @property
    def projection(self) -> tuple[FieldPath, ...] | None:
        return None if self.plan is None else self.plan.projection


class ListenSession:
    """The server's side of one Listen stream."""

    def __init__(self, database: Database, gate: Gate, send: Callable[[pb.ListenResponse], None]) -> None:
        self._database = database
        self._gate = gate
        self._send = send
        self._targets: dict[int, Shown] = {}
        self._pending: dict[tuple[str, Any], tuple[list[int], list[int]]] = {}

    def receive(self, request: pb.ListenRequest) -> None:
        """Takes a request in; raises FirestoreError when the stream must end."""
        kind = request.WhichOneof("target_change")
        if kind == "add_target":
            self._add(request.add_target)
        elif kind == "remove_target":
            self._remove(request.remove_target)
        else:
            raise invalid("A listen request must add or remove a target.")

    def close(self) -> None:
        """Takes all targets away; safe to call twice."""
        for target_id in list(self._targets):
            self._leave(target_id)

    def absorb(self, target_id: int, effect: dict[str, bool]) -> None:
        shown = self._targets[target_id]
        for path, is_in in effect.items():
            ids = self._pending.setdefault((path, shown.projection), ([], []))
            ids[0 if is_in else 1].append(target_id)

    def flush(self, deltas: dict[str, Delta], time: int) -> None:
        pending, self._pending = self._pending, {}
        for (path, projection), (now_in, now_out) in pending.items():
            delta = deltas.get(path) or Delta(path, self._database.store.get(path), self._database.root)
            self._send_document(delta, projection, now_in, now_out, time)
        self._send_snapshot(time)

    def recheck(self, target_id: int) -> None:
        shown = self._targets.get(target_id)
        if shown is None:
            return
        try:
            self._authorise(shown)
        except FirestoreError as refusal:
            self._leave(target_id)
            self._send_change(_REMOVE, [target_id], cause=refusal)

    def _add(self, target: pb.Target) -> None:
        target_id = target.target_id or max(self._targets, default=0) + 1
        if target_id < 0:
            raise invalid(f"Target id {target_id} is not positive.")
        if target_id in self._targets:
            raise invalid(f"Target id {target_id} is already in use on this stream.")
        self._send_change(_ADD, [target_id])
        try:
            shown = self._understand(target_id, target)
            self._authorise(shown)
        except FirestoreError as refusal:
            self._send_change(_REMOVE, [target_id], cause=refusal)
            return
        self._targets[target_id] = shown
        self._follow(shown)
        self._show_initially(shown, target)
        if target.once:
            self._leave(target_id)
            self._send_change(_REMOVE, [target_id])

    def _remove(self, target_id: int) -> None:
        if target_id in self._targets:
            self._leave(target_id)
            self._send_change(_REMOVE, [target_id])

    def _understand(self, target_id: int, target: pb.Target) -> Shown:
        kind = target.WhichOneof("target_type")
        if kind == "documents":
            paths = frozenset(names.document_path(self._database.name, name) for name in target.documents.documents)
            return Shown(target_id, None, paths, paths)
        if kind != "query" or not target.query.HasField("structured_query"):
            raise invalid("A target must be a query or documents.")
        plan = make_plan(self._database.name, target.query.parent, target.query.structured_query)
        return Shown(target_id, plan, frozenset(), target.query.SerializeToString(deterministic=True))

    def _authorise(self, shown: Shown) -> None:
        if self._gate.admin:
            return
        reader, seat = self._database.store, self._seat(shown)
        if shown.plan is not None:
            guarded = self._gate.list(shown.plan, reader)
        else:
            guarded = self._gate.get_many(sorted(shown.paths), reader) | shown.paths
        self._database.index.unguard(shown.guarded - guarded, seat)
        self._database.index.guard(guarded, seat)
        shown.guarded = guarded

    def _follow(self, shown: Shown) -> None:
        index, seat = self._database.index, self._seat(shown)
        if shown.plan is not None:
            shown.followed = index.follow_query(shown.key, shown.plan, seat)
        else:
            shown.followed = index.follow_documents(shown.paths, seat)

    def _leave(self, target_id: int) -> None:
        shown = self._targets.pop(target_id)
        seat = self._seat(shown)
        self._database.index.unguard(shown.guarded, seat)
        if shown.followed is not None:
            self._database.index.leave(shown.followed, seat)

    def _show_initially(self, shown: Shown, target: pb.Target) -> None:
        assert shown.followed is not None
        ids, time = [shown.target_id], self._database.clock.read_time()
        resumed = self._resume(shown, target)
        if resumed is None and target.WhichOneof("resume_type") is not None:
            self._send_change(_RESET, ids)
        effect = self._everything(shown) if resumed is None else resumed
        for path, is_in in effect.items():
            delta = Delta(path, self._database.store.get(path), self._database.root)
            self._send_document(delta, shown.projection, ids if is_in else [], [] if is_in else ids, time)
        if resumed is not None and target.HasField("expected_count"):
            self._send_count(shown)
        self._send_change(_CURRENT, ids, time=time)
        self._send_snapshot(time)

    def _everything(self, shown: Shown) -> dict[str, bool]:
        """All that a target shows; named documents that do not exist are told to be gone."""
        assert shown.followed is not None
        present = dict.fromkeys(shown.followed.view.paths(), True)
        return {**dict.fromkeys(sorted(shown.paths), False), **present}

    def _resume(self, shown: Shown, target: pb.Target) -> dict[str, bool] | None:
        """What differs from what the client has seen, or None when that is not known."""
        kind = target.WhichOneof("resume_type")
        if kind is None:
            return None
        if kind == "read_time":
            seen: int | None = microseconds_of(target.read_time)
        else:
            seen = tokens.time_of(target.resume_token, self._database.epoch)
        if seen is None or seen > self._database.clock.read_time():
            return None
        return difference(self._database, shown.plan, shown.paths, seen)

    def _send_document(
        self, delta: Delta, projection: Any, now_in: Iterable[int], now_out: Iterable[int], time: int
    ) -> None:
        message = pb.ListenResponse()
        if delta.after is None:
            message.document_delete.document = f"{self._database.root}/{delta.path}"
            message.document_delete.removed_target_ids.extend(now_out)
            stamp(message.document_delete.read_time, time)
        else:
            document = delta.document if projection is None else projected(delta.document, projection)
            message.document_change.document.CopyFrom(document)
            message.document_change.target_ids.extend(now_in)
            message.document_change.removed_target_ids.extend(now_out)
        self._send(message)

    def _send_change(
        self, kind: int, ids: list[int], *, time: int | None = None, cause: FirestoreError | None = None
    ) -> None:
        message = pb.ListenResponse()
        change = message.target_change
        change.target_change_type = kind
        change.target_ids.extend(ids)
        if time is not None:
            stamp(change.read_time, time)
            change.resume_token = tokens.make(self._database.epoch, time)
        if cause is not None:
            change.cause.code = cause.code.number
            change.cause.message = cause.message
        self._send(message)

    def _send_count(self, shown: Shown) -> None:
        """An existence filter: who resumed with other documents than they had then finds out, and asks anew."""
        assert shown.followed is not None
        message = pb.ListenResponse()
        message.filter.target_id = shown.target_id
        message.filter.count = len(list(shown.followed.view.paths()))
        self._send(message)

    def _send_snapshot(self, time: int) -> None:
        self._send_change(0, [], time=time)

    def _seat(self, shown: Shown) -> Seat:
        return (self, shown.target_id)

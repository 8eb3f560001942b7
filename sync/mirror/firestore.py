"""Firestore on the wire: guarded commits and reads through the raw protobuf classes, errors translated into kinds.

The only module that talks to Firestore. No retry is hidden here (none in gRPC, none of our own): a commit that was
applied and then sent again comes back as a refusal, so the caller must know that it asked once. Every call has a
deadline; after one an answer is unknown, not negative. Connects at the first call; with an emulator host plain and as
the emulator's owner, otherwise with TLS and the process's Google credentials. Called by mirror.py, reconcile.py and
intent_feed.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import grpc
from google.cloud.firestore_v1.types import firestore as rpc_types
from google.cloud.firestore_v1.types import query as query_types

from sync.errors import (
    FirestoreDenied,
    FirestoreError,
    FirestorePoison,
    FirestoreQuota,
    FirestoreRefused,
    FirestoreTransient,
)
from sync.mirror import wire
from sync.mirror.encode import get_time

COMMIT_SECONDS = 30.0
READ_SECONDS = 60.0
_HOST = "firestore.googleapis.com:443"
_SERVICE = "/google.firestore.v1.Firestore/"
_SCOPES = ("https://www.googleapis.com/auth/datastore",)
_READ_AT_ONCE = 300
_COUNTED_PER_READ = 1000
_OPTIONS = (
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)

_KINDS: dict[grpc.StatusCode, type[FirestoreError]] = {
    grpc.StatusCode.FAILED_PRECONDITION: FirestoreRefused,
    grpc.StatusCode.NOT_FOUND: FirestoreRefused,
    grpc.StatusCode.ALREADY_EXISTS: FirestoreRefused,
    grpc.StatusCode.INVALID_ARGUMENT: FirestorePoison,
    grpc.StatusCode.OUT_OF_RANGE: FirestorePoison,
    grpc.StatusCode.RESOURCE_EXHAUSTED: FirestoreQuota,
    grpc.StatusCode.PERMISSION_DENIED: FirestoreDenied,
    grpc.StatusCode.UNAUTHENTICATED: FirestoreDenied,
    grpc.StatusCode.UNIMPLEMENTED: FirestoreDenied,
}


class Committed(NamedTuple):
    """A commit that is in; one update time per write, None for a deletion."""

    commit_time: datetime
    update_times: list[datetime | None]


class ReadTally:
    """Counts the reads of one piece of work, as Firestore charges for them. This one allows every read."""

    def __init__(self) -> None:
        self.reads = 0

    def take(self, reads: int) -> int:
        """Counts up to so many reads and answers how many are allowed, at least one; a budget raises instead."""
        self.reads += reads
        return reads

    def give_back(self, reads: int) -> None:
        """What was taken and not used."""
        self.reads -= reads

    def take_all(self, reads: int) -> None:
        """Counts exactly so many reads, in as many parts as it takes."""
        while reads > 0:
            reads -= self.take(reads)


class Firestore:
    """One database. Safe to share between threads; after a fork build a new one."""

    def __init__(self, *, project: str, emulator_host: str | None = None, database: str = "(default)") -> None:
        self._emulator_host = emulator_host
        self._database = f"projects/{project}/databases/{database}"
        self._documents = f"{self._database}/documents"
        self._metadata = [
            ("google-cloud-resource-prefix", self._database),
            ("x-goog-request-params", f"database={self._database}"),
            *([("authorization", "Bearer owner")] if emulator_host else []),
        ]
        self._connecting = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._calls: dict[str, Any] = {}

    def name(self, path: str) -> str:
        """A document's full name."""
        return f"{self._documents}/{path}"

    def path(self, name: str) -> str:
        """A full name's path."""
        return name[len(self._documents) + 1 :]

    def commit(self, writes: Sequence[bytes], *, seconds: float = COMMIT_SECONDS) -> Committed:
        """Applies all writes or none. Raises FirestoreRefused, FirestorePoison, FirestoreQuota, FirestoreDenied (not
        applied) or FirestoreTransient (applied or not: unknown, and it may still be applied later)."""
        request = wire.commit(self._database, writes)
        try:
            answer = self._call("Commit")(request, timeout=seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _translated(error) from error
        return Committed(get_time(answer.commit_time), list(_update_times(answer.write_results)))

    def clock(self) -> datetime:
        """Firestore's own time: what is read after this call holds every commit before it. Raises FirestoreError."""
        request = rpc_types.BatchGetDocumentsRequest.pb()(database=self._database, documents=[self.name("clock/none")])
        return max(get_time(answer.read_time) for answer in self._stream("BatchGetDocuments", request))

    def read(self, paths: Iterable[str]) -> dict[str, Any | None]:
        """Reads these documents as they are now, None where there is none. Raises FirestoreError."""
        names = [self.name(path) for path in paths]
        found: dict[str, Any | None] = {}
        for start in range(0, len(names), _READ_AT_ONCE):
            request = rpc_types.BatchGetDocumentsRequest.pb()(
                database=self._database, documents=names[start : start + _READ_AT_ONCE]
            )
            for answer in self._stream("BatchGetDocuments", request):
                if answer.WhichOneof("result") == "found":
                    found[self.path(answer.found.name)] = answer.found
                else:
                    found[self.path(answer.missing)] = None
        return found

    def collections(self, path: str) -> list[str]:
        """Lists the collections below a document, whether it exists or not. Raises FirestoreError."""
        names: list[str] = []
        token = ""
        while True:
            request = rpc_types.ListCollectionIdsRequest.pb()(parent=self.name(path), page_token=token)
            answer = self._unary("ListCollectionIds", request)
            names += answer.collection_ids
            token = answer.next_page_token
            if not token:
                return names

    def documents(
        self, parent: str, collection: str, tally: ReadTally | None = None, *, missing_too: bool = False
    ) -> Iterator[Any]:
        """Streams all documents of a collection; `parent` is a document's path or "". Raises FirestoreError.

        With `missing_too`, and among the users always, also those that are not there but have documents below them.
        """
        token = ""
        while True:
            documents, token = self.page(parent, collection, token, tally=tally, missing_too=missing_too)
            yield from documents
            if not token:
                return

    def page(
        self,
        parent: str,
        collection: str,
        token: str,
        *,
        size: int = _READ_AT_ONCE,
        tally: ReadTally | None = None,
        missing_too: bool = False,
    ) -> tuple[list[Any], str]:
        """Reads one page of a collection and answers the next one's token, "" after the last. Raises FirestoreError."""
        tally = tally or ReadTally()
        size = tally.take(size)
        request = rpc_types.ListDocumentsRequest.pb()(
            parent=self.name(parent).rstrip("/"), collection_id=collection, page_size=size,
            page_token=token, show_missing=missing_too or parent == "",
        )  # fmt: skip
        answer = self._unary("ListDocuments", request)
        tally.give_back(size - max(1, len(answer.documents)))
        return list(answer.documents), answer.next_page_token

    def documents_of(self, owner: str, collection: str, tally: ReadTally) -> Iterator[Any]:
        """Streams a collection while it may be written to: none is missed that was there all the time. Raises
        FirestoreError."""
        return self._query(owner, _Query(from_=[{"collection_id": collection}]), tally)

    def documents_of_month(self, owner: str, month: str, tally: ReadTally) -> Iterator[Any]:
        """Streams an owner's transactions of a month, by what they say of themselves. Raises FirestoreError."""
        return self._query(owner, _of_month(month), tally)

    def _query(self, parent: str, query: Any, tally: ReadTally) -> Iterator[Any]:
        """Each page begins after the last name: a page's token may count documents, and one that goes shifts the rest
        past the reader."""
        query.order_by.add(field=_Field(field_path="__name__"), direction=1)
        while True:
            size = tally.take(_READ_AT_ONCE)
            query.limit.value = size
            request = rpc_types.RunQueryRequest.pb()(parent=self.name(parent), structured_query=query)
            found = [answer.document for answer in self._stream("RunQuery", request) if answer.HasField("document")]
            tally.give_back(size - max(1, len(found)))
            yield from found
            if len(found) < size:
                return
            query.start_at.CopyFrom(_Cursor(values=[{"reference_value": found[-1].name}], before=False))

    def count(self, owner: str, collection: str, tally: ReadTally, *, at_most: int, month: str | None = None) -> int:
        """Counts a collection of an owner, or its documents of one month, but no further than `at_most`.

        Costs one read per thousand. Raises FirestoreError.
        """
        reads = -(-max(at_most, 1) // _COUNTED_PER_READ)
        tally.take_all(reads)
        query = _of_month(month) if month else _Query(from_=[{"collection_id": collection}])
        number = {"alias": "all", "count": {"up_to": {"value": reads * _COUNTED_PER_READ}}}
        wanted = {"structured_query": query, "aggregations": [number]}
        request = rpc_types.RunAggregationQueryRequest.pb()(
            parent=self.name(owner), structured_aggregation_query=wanted
        )
        counted: int = sum(
            answer.result.aggregate_fields["all"].integer_value
            for answer in self._stream("RunAggregationQuery", request)
        )
        tally.give_back(reads - max(1, -(-counted // _COUNTED_PER_READ)))
        return counted

    def in_order(self, parent: str, collection: str, field: str, size: int, *, after: Any = None) -> list[Any]:
        """Reads up to `size` documents in the order of a field, those after one of them; all collections of that name
        where `parent` is "". Raises FirestoreError."""
        query = _Query(from_=[{"collection_id": collection, "all_descendants": parent == ""}])
        query.order_by.add(field=_Field(field_path=field), direction=1)
        query.order_by.add(field=_Field(field_path="__name__"), direction=1)
        query.limit.value = size
        if after is not None:
            query.start_at.values.add().CopyFrom(after.fields[field])
            query.start_at.values.add(reference_value=after.name)
        request = rpc_types.RunQueryRequest.pb()(parent=self.name(parent).rstrip("/"), structured_query=query)
        return [answer.document for answer in self._stream("RunQuery", request) if answer.HasField("document")]

    def listen_to_group(self, collection: str) -> Listening:
        """Opens a listener on all collections of that name; iterate over it. Raises FirestoreError."""
        query = _Query(from_=[{"collection_id": collection, "all_descendants": True}])
        target = {"target_id": 1, "query": {"parent": self._documents, "structured_query": query}}
        request = rpc_types.ListenRequest.pb()(database=self._database, add_target=target)
        return Listening(lambda requests: self._call("Listen")(requests, metadata=self._metadata), request)

    def close(self) -> None:
        """Closes the connection. Closing twice is safe."""
        with self._connecting:
            if self._channel is not None:
                self._channel.close()
                self._channel = None
                self._calls = {}

    def _unary(self, method: str, request: Any) -> Any:
        try:
            return self._call(method)(request, timeout=READ_SECONDS, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _read_failed(error) from error

    def _stream(self, method: str, request: Any) -> Iterator[Any]:
        try:
            yield from self._call(method)(request, timeout=READ_SECONDS, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _read_failed(error) from error

    def _call(self, method: str) -> Any:
        call = self._calls.get(method)
        if call is None:
            with self._connecting:
                if self._channel is None:
                    self._channel = self._open()
                kind = self._channel.unary_stream if method in _STREAMS else self._channel.unary_unary
                if method == "Listen":
                    kind = self._channel.stream_stream
                answer = getattr(rpc_types, _ANSWERS[method]).pb()
                call = self._calls[method] = kind(
                    _SERVICE + method,
                    request_serializer=None if method == "Commit" else lambda request: request.SerializeToString(),
                    response_deserializer=answer.FromString,
                )
        return call

    def _open(self) -> grpc.Channel:
        if self._emulator_host:
            return grpc.insecure_channel(self._emulator_host, options=_OPTIONS)
        import google.auth
        import google.auth.transport.grpc
        import google.auth.transport.requests

        try:
            credentials, _ = google.auth.default(scopes=_SCOPES)
        except google.auth.exceptions.DefaultCredentialsError as error:
            raise FirestoreDenied("there are no Google credentials") from error
        request = google.auth.transport.requests.Request()
        open_channel: Callable[..., grpc.Channel] = google.auth.transport.grpc.secure_authorized_channel
        return open_channel(credentials, request, _HOST, options=_OPTIONS)


class Listening:
    """One open listener: each document as it comes and changes. It may go silent for ever without an error."""

    def __init__(self, call: Callable[[Iterator[Any]], Any], request: Any) -> None:
        self._over = threading.Event()
        self._answers = call(self._requests(request))

    def __iter__(self) -> Iterator[Any]:
        """Documents until it is closed. Raises FirestoreError when the line breaks or the listener is refused."""
        try:
            for answer in self._answers:
                if answer.HasField("document_change") and answer.document_change.target_ids:
                    yield answer.document_change.document
                elif answer.HasField("target_change") and answer.target_change.target_change_type == _REMOVED:
                    raise FirestoreTransient(f"the listener was refused: {answer.target_change.cause.message}")
        except grpc.RpcError as error:
            if not self._over.is_set():
                raise _read_failed(error) from error
        finally:
            self.close()

    def close(self) -> None:
        """Ends it, from any thread. Closing twice is safe."""
        self._over.set()
        self._answers.cancel()

    def _requests(self, request: Any) -> Iterator[Any]:
        yield request
        self._over.wait()  # the line stays open as long as there may be another request


_ANSWERS = {
    "Commit": "CommitResponse",
    "BatchGetDocuments": "BatchGetDocumentsResponse",
    "ListCollectionIds": "ListCollectionIdsResponse",
    "ListDocuments": "ListDocumentsResponse",
    "RunQuery": "RunQueryResponse",
    "RunAggregationQuery": "RunAggregationQueryResponse",
    "Listen": "ListenResponse",
}
_STREAMS = frozenset({"BatchGetDocuments", "RunQuery", "RunAggregationQuery"})
_Query = query_types.StructuredQuery.pb()
_Cursor = query_types.Cursor.pb()
_Field = query_types.StructuredQuery.FieldReference.pb()
_REMOVED = rpc_types.TargetChange.TargetChangeType.REMOVE
_EQUAL = query_types.StructuredQuery.FieldFilter.Operator.EQUAL


def _of_month(month: str) -> Any:
    equal = {"field": {"field_path": "month"}, "op": _EQUAL, "value": {"string_value": month}}
    return _Query(from_=[{"collection_id": "transactions"}], where={"field_filter": equal})


def _update_times(results: Iterable[Any]) -> Iterator[datetime | None]:
    """Most documents of a commit were written at one moment: it is read once."""
    last, moment = (0, 0), None
    for result in results:
        if not result.HasField("update_time"):
            yield None
            continue
        stamp = result.update_time
        if moment is None or (stamp.seconds, stamp.nanos) != last:
            last, moment = (stamp.seconds, stamp.nanos), get_time(stamp)
        yield moment


def _translated(error: grpc.RpcError) -> FirestoreError:
    """Whatever is not known to have been refused may have been applied."""
    return _KINDS.get(error.code(), FirestoreTransient)(_words(error))


def _read_failed(error: grpc.RpcError) -> FirestoreError:
    """A read has no preconditions: what refuses it is the database or our credentials."""
    kind = _KINDS.get(error.code(), FirestoreTransient)
    return (FirestoreDenied if kind in (FirestoreRefused, FirestorePoison) else kind)(_words(error))


def _words(error: grpc.RpcError) -> str:
    return f"{error.code().name}: {error.details()}"

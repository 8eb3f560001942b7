"""The local Firestore's own speed, beside the vendor's emulator where it is: `python -m bench.local_firestore`.

Bulk commits with rules loaded and a listener attached; a query of 50 that is listened to, in 100 and in 10,000
documents; commits while a thousand listeners look at other collections; memory per stored document. What a browser
sees is measured by bench.live.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any

import grpc
from google.cloud.firestore_v1.types import firestore as rpc

from bench.drain import DOCUMENT
from bench.ground import PROJECT, interleave, paired, publish, spread
from bench.servers import Server, local_firestore, vendors_emulator
from sync.mirror.encode import encode, guarded
from sync.mirror.firestore import Firestore

_BATCH, _BULK, _ROUNDS, _WARM_UP = 500, 2_000, 60, 10
_LISTENERS, _STREAMS = 1_000, 10
_STORED = 50_000
_NINE_FIELDS = {name: DOCUMENT[name] for name in list(DOCUMENT)[:9]}
_REQUEST, _RESPONSE = rpc.ListenRequest.pb(), rpc.ListenResponse.pb()


def main() -> None:
    started = time.monotonic()
    with ExitStack() as running:
        ours, watched = running.enter_context(local_firestore()), running.enter_context(local_firestore())
        vendor = running.enter_context(vendors_emulator())
        peers = {"local": ours} | ({"vendor": vendor} if vendor else {})
        bulk = interleave({name: _Bulk(peer) for name, peer in peers.items()}, 8)
        windows = interleave(
            {f"{name} {size}": _Window(peer, size) for name, peer in peers.items() for size in (100, 10_000)},
            _ROUNDS + _WARM_UP,
        )
        for number in range(_STREAMS):
            _Listener(watched, [f"other/{number}/c{n}" for n in range(_LISTENERS // _STREAMS)])
        alone = interleave({"alone": _Single(ours), "with listeners": _Single(watched)}, _ROUNDS + _WARM_UP)
    windows, alone = ({name: values[_WARM_UP:] for name, values in part.items()} for part in (windows, alone))
    publish(
        "local_firestore",
        started,
        vendors_emulator=vendor is not None,
        bulk_documents_per_second={name: spread(values[2:]) for name, values in bulk.items()},
        bulk_ratio_to_vendor=paired(bulk["local"][2:], bulk["vendor"][2:]) if vendor else None,
        window_milliseconds={name: spread(values) for name, values in windows.items()},
        window_10000_to_100={
            name: paired(windows[f"{name} 10000"], windows[f"{name} 100"]) for name in peers
        },
        commit_milliseconds={name: spread(values) for name, values in alone.items()},
        commit_with_1000_listeners_elsewhere=paired(alone["with listeners"], alone["alone"]),
        bytes_per_stored_document=_memory(),
    )  # fmt: skip


def _client(server: Server) -> Firestore:
    return Firestore(project=PROJECT, emulator_host=f"127.0.0.1:{server.port}")


def _writes(client: Firestore, collection: str, first: int, count: int, **fields: Any) -> list[Any]:
    return [
        guarded(encode({**_NINE_FIELDS, **fields, "n": number}), client.name(f"{collection}/d{number:06}"), None)
        for number in range(first, first + count)
    ]


class _Listener:
    """A user who listens to collections; tells when the server sends a document, and which."""

    def __init__(self, server: Server, collections: list[str], *, limit: int | None = None) -> None:
        self.told: SimpleQueue[tuple[float, Any]] = SimpleQueue()
        self._ready = threading.Event()
        self._root = f"projects/{PROJECT}/databases/(default)"
        self._collections, self._limit = collections, limit
        channel = grpc.insecure_channel(f"127.0.0.1:{server.port}", [("grpc.max_receive_message_length", -1)])
        call = channel.stream_stream(
            "/google.firestore.v1.Firestore/Listen", _REQUEST.SerializeToString, _RESPONSE.FromString
        )
        metadata = [("authorization", f"Bearer {_token()}"), ("google-cloud-resource-prefix", self._root)]
        self._answers = call(self._requests(), metadata=metadata)
        threading.Thread(target=self._listen, daemon=True).start()
        if not self._ready.wait(60):
            raise RuntimeError("the listener does not begin")

    def _requests(self) -> Iterator[Any]:
        for number, collection in enumerate(self._collections, start=1):
            parent, _, name = collection.rpartition("/")
            request = _REQUEST(database=self._root)
            request.add_target.target_id = 2 * number
            request.add_target.query.parent = f"{self._root}/documents/{parent}"
            query = request.add_target.query.structured_query
            query.from_.add(collection_id=name)
            if self._limit:
                query.order_by.add(direction=2).field.field_path = "n"
                query.limit.value = self._limit
            yield request
        threading.Event().wait()

    def _listen(self) -> None:
        current = 0
        try:
            for answer in self._answers:
                if answer.HasField("document_change"):
                    self.told.put((time.perf_counter(), answer.document_change.document))
                elif answer.target_change.target_change_type == 3:
                    current += 1
                    if current == len(self._collections):
                        self._ready.set()
        except grpc.RpcError:
            return


class _Bulk:
    """Documents per second, committed while somebody listens to their collection."""

    def __init__(self, server: Server) -> None:
        self._client, self._server, self._rounds = _client(server), server, itertools.count()

    def __call__(self) -> float:
        collection = f"bulk/{next(self._rounds)}/rows"
        batches = [_writes(self._client, collection, first, _BATCH) for first in range(0, _BULK, _BATCH)]
        listener = _Listener(self._server, [collection])
        started = time.perf_counter()
        for batch in batches:
            self._client.commit(batch)
        seconds = time.perf_counter() - started
        for _ in range(_BULK):
            listener.told.get(timeout=60)
        return _BULK / seconds


class _Window:
    """Milliseconds from a commit to a listener of the newest 50 documents of a collection."""

    def __init__(self, server: Server, size: int) -> None:
        self._client, self._collection, self._size = _client(server), f"windows/{size}/rows", size
        for first in range(0, size, _BATCH):
            self._client.commit(_writes(self._client, self._collection, first, min(_BATCH, size - first)))
        self._listener = _Listener(server, [self._collection], limit=50)
        for _ in range(50):
            self._listener.told.get(timeout=60)
        self._times: dict[int, Any] = {}
        self._turns = itertools.cycle(range(size - 40, size))
        self._stamps = itertools.count(1)

    def __call__(self) -> float:
        number = next(self._turns)
        name = self._client.name(f"{self._collection}/d{number:06}")
        if number not in self._times:
            path = f"{self._collection}/d{number:06}"
            self._times[number] = next(self._update_times(path))
        stamp = next(self._stamps)
        content = {**_NINE_FIELDS, "n": number, "stamp": stamp}
        started = time.perf_counter()
        committed = self._client.commit([guarded(encode(content), name, self._times[number])])
        self._times[number] = committed.update_times[0]
        return (self._told(stamp) - started) * 1000

    def _told(self, stamp: int) -> float:
        """When this change was told: a server may tell documents that did not change beside it."""
        while True:
            at, document = self._listener.told.get(timeout=30)
            if "stamp" in document.fields and document.fields["stamp"].integer_value == stamp:
                return at

    def _update_times(self, path: str) -> Iterator[Any]:
        from sync.mirror.encode import get_time

        for document in self._client.read([path]).values():
            yield get_time(document.update_time)


class _Single:
    """Milliseconds of a commit of one new document."""

    def __init__(self, server: Server) -> None:
        self._client, self._numbers = _client(server), itertools.count()

    def __call__(self) -> float:
        writes = _writes(self._client, "single", next(self._numbers), 1)
        started = time.perf_counter()
        self._client.commit(writes)
        return (time.perf_counter() - started) * 1000


def _memory() -> int:
    with local_firestore() as server:
        client = _client(server)
        client.commit(_writes(client, "warm", 0, _BATCH))
        before = server.memory()
        for first in range(0, _STORED, _BATCH):
            client.commit(_writes(client, "stored", first, _BATCH))
        return round((server.memory() - before) / _STORED)


def _token() -> str:
    parts: list[dict[str, Any]] = [{"alg": "none", "typ": "JWT"}, {"sub": "bench", "user_id": "bench", "iat": 0}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


if __name__ == "__main__":
    main()

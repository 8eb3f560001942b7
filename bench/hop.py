"""The bare hop, the unit of latency here: commit + NOTIFY → a Python listener → a no-op server's gRPC reply."""

from __future__ import annotations

import select
import threading
import time
from queue import SimpleQueue

import grpc
import psycopg2
from google.cloud.firestore_v1.types import firestore

_REQUEST = firestore.CommitRequest.pb()
_REPLY = firestore.CommitResponse.pb()


class Hop:
    """Call it: the milliseconds of one hop."""

    def __init__(self, database_url: str, noop_address: str) -> None:
        self._writer = psycopg2.connect(database_url)
        with self._writer, self._writer.cursor() as cursor:
            cursor.execute(
                "create table if not exists bench_hop (id bigint generated always as identity, at timestamptz)"
            )
        self._done: SimpleQueue[float] = SimpleQueue()
        self._commit = grpc.insecure_channel(noop_address).unary_unary(
            "/google.firestore.v1.Firestore/Commit",
            request_serializer=_REQUEST.SerializeToString,
            response_deserializer=_REPLY.FromString,
        )
        self._listening = threading.Event()
        threading.Thread(target=self._listen, args=(database_url,), daemon=True).start()
        self._listening.wait(10)

    def __call__(self) -> float:
        started = time.perf_counter()
        with self._writer, self._writer.cursor() as cursor:
            cursor.execute("insert into bench_hop (at) values (now())")
            cursor.execute("notify bench_hop")
        return (self._done.get(timeout=30) - started) * 1000

    def _listen(self, database_url: str) -> None:
        listener = psycopg2.connect(database_url)
        listener.autocommit = True
        with listener.cursor() as cursor:
            cursor.execute("listen bench_hop")
        self._listening.set()
        while True:
            select.select([listener], [], [])
            listener.poll()
            while listener.notifies:
                listener.notifies.pop()
                self._commit(_REQUEST(database="projects/p/databases/(default)"), timeout=10)
                self._done.put(time.perf_counter())

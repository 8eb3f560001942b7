"""Documents mirrored per second: `python -m bench.drain [people] [rows each] [rounds]`.

Round by round, in shuffled order, against a Firestore that does nothing:

- the mirror, one process and two;
- the same relay with google-cloud-firestore: the same claims and documents, `client.batch().set`, the same
  acknowledgement;
- row by row: the same claims, `document.set` one after the other, on a sample;
- the ceiling: filling protobuf's raw classes with ready documents and committing them, 500 at a time; and the same with
  the product's own encoding.

The no-op server, Postgres and every arm share the machine's cores. The mirror is also run once against the local
Firestore, in memory.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.cloud.firestore_v1.types import firestore as rpc_types

from bench.ground import PROJECT, ROOT, Ground, child, ground, interleave, paired, publish, spread
from bench.servers import local_firestore
from local.listener import owner_client
from local.postgres import free_port
from sync.mirror.changes import Acknowledgement, Held, Shown
from sync.mirror.claims import read_claims
from sync.mirror.documents import versioned
from sync.mirror.encode import digest, encode, guarded
from sync.mirror.firestore import Firestore
from sync.mirror.plan import Claim
from sync.mirror.session import connect, connect_reading, snapshot
from sync.mirror.settling import acknowledge, clear_dirty
from sync.shapes.shapes import SHAPES

_ROUNDS = 5
_BATCH = 500
_SAMPLE = 1_000
_REMARK = """
select mark_documents(array_agg(owner), array_agg(path)) from mirror_state where not deleted
"""
DOCUMENT: dict[str, Any] = {
    "version": {"epoch": 1, "number": 7}, "month": "2026-11", "date": "2026-11-21", "bankDate": "2026-11-21",
    "authorizedDate": None, "name": "Corner Espresso", "merchantName": "Corner Espresso", "amountMinor": 475,
    "amount": "4.75", "currency": "USD", "unofficialCurrency": None, "currencyDigits": 2,
    "categoryId": "FOOD_AND_DRINK", "categoryOwner": "bank", "bankCategory": "FOOD_AND_DRINK_COFFEE", "note": None,
    "pending": False, "source": "bank", "accountId": "6c1f2f0e-7a51-4f0e-9d55-0d6f2f9b1a11",
    "paymentChannel": "in store", "splits": [], "remainderMinor": 475, "remainder": "4.75", "splitsExceed": False,
    "expired": False, "review": None,
}  # fmt: skip


def main(people: int, rows: int, rounds: int = _ROUNDS) -> None:
    started, noop = time.monotonic(), free_port()
    with ground() as bench, child("bench.noop_firestore", str(noop)):
        bench.people(people, rows)
        bench.sql("vacuum analyze")
        address = f"127.0.0.1:{noop}"
        with mirrors(bench, address, 2) as (first, second):
            drain(bench, [first])
            documents = bench.sql("select count(*) from mirror_state")[0][0]
            figures = interleave(_arms(bench, address, documents, first, second), rounds)
        real = _against_local_firestore(bench, documents)
    mirror = figures["mirror"]
    publish(
        "drain",
        started,
        documents=documents,
        documents_per_second={name: spread(values) for name, values in figures.items()},
        mirror_ratio_to={name: paired(mirror, values) for name, values in figures.items() if name != "mirror"},
        two_to_one=paired(figures["two mirrors"], mirror),
        local_firestore_documents_per_second=round(real),
    )


def _arms(bench: Ground, address: str, documents: int, first: Any, second: Any) -> dict[str, Callable[[], float]]:
    def marked(relay: Callable[[], float]) -> Callable[[], float]:
        def run() -> float:
            bench.sql(_REMARK)
            bench.sql("checkpoint")
            return documents / relay()

        return run

    return {
        "mirror": marked(lambda: drain(bench, [first])),
        "two mirrors": marked(lambda: drain(bench, [first, second])),
        "google-cloud-firestore relay": marked(lambda: _google_relay(bench, address)),
        "set() row by row": lambda: _SAMPLE / _row_by_row(bench, address),
        "ceiling": lambda: documents / _ceiling(address, documents),
        "ceiling, own encoding": lambda: documents / _own_ceiling(address, documents),
        "google-cloud-firestore batch, no relay": lambda: documents / _google_batch(address, documents),
    }


# --- the mirror ---


@contextlib.contextmanager
def mirrors(bench: Ground, address: str, count: int, **settings: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Mirror processes that have loaded everything and wait."""
    env = os.environ | bench.variables | {
        "FIRESTORE_EMULATOR_HOST": address, "MIRROR_MONTH_INTERVAL_SECONDS": "0", "LOG_LEVEL": "ERROR",
    } | settings  # fmt: skip
    command = [sys.executable, "-m", "bench.drain_mirror"]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield processes
    finally:
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


def drain(bench: Ground, processes: list[subprocess.Popen[str]]) -> float:
    """Seconds from the start of the mirrors until no mark is left."""
    with contextlib.closing(bench.connect()) as connection, connection.cursor() as cursor:
        started = time.perf_counter()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        while True:
            cursor.execute("select exists (select from changes)")
            if not cursor.fetchone()[0]:
                break
            time.sleep(0.005)
        seconds = time.perf_counter() - started
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
    return seconds


# --- the same relay through google-cloud-firestore ---


def _google_relay(bench: Ground, address: str) -> float:
    """Dirty keys → the same projection → batch().set → mirror state and marks, round after round in one thread."""
    client = owner_client(address, PROJECT)
    reading, writing = connect_reading(bench.url("livespend_mirror")), connect(bench.url("livespend_mirror"))
    started = time.perf_counter()
    try:
        while claims := _claims(reading):
            for claim in claims:
                done = _set_all(client, claim)
                with writing, writing.cursor() as cursor:
                    acknowledge(cursor, [done])
                    clear_dirty(cursor, [done.owner])
        return time.perf_counter() - started
    finally:
        reading.close()
        writing.close()


def _claims(reading: Any) -> list[Claim]:
    with snapshot(reading) as cursor:
        cursor.execute("select owner from owners where dirty order by dirty_since limit 16")
        owners = [owner for (owner,) in cursor.fetchall()]
        return read_claims(cursor, owners, {}, SHAPES).claims if owners else []


def _set_all(client: Any, claim: Claim) -> Acknowledgement:
    done, pairs = Acknowledgement(claim.owner.owner), list(claim.marks.items())
    for first in range(0, len(pairs), _BATCH):
        batch = client.batch()
        for path, marked in pairs[first : first + _BATCH]:
            batch.set(client.document(path), versioned(marked.mark.version, claim.documents[path]))
        results = batch.commit(retry=None)
        for (path, marked), result in zip(pairs[first : first + _BATCH], results, strict=True):
            done.shown.append(Shown(path, Held(result.update_time, False, None, marked.mark.version)))
            done.marks.append((path, marked.mark.version))
    return done


def _row_by_row(bench: Ground, address: str) -> float:
    """One document.set after the other, on a sample of one owner; the claim is in it, the acknowledgement not."""
    client = owner_client(address, PROJECT)
    bench.sql(
        "select mark_documents(array_agg(owner), array_agg(path)) from (select owner, path from mirror_state where "
        "owner = (select min(owner) from mirror_state) limit %(sample)s) as s", sample=_SAMPLE,
    )  # fmt: skip
    with contextlib.closing(connect_reading(bench.url("livespend_mirror"))) as reading:
        started = time.perf_counter()
        written = 0
        for claim in _claims(reading):
            for path, marked in claim.marks.items():
                client.document(path).set(versioned(marked.mark.version, claim.documents[path]), retry=None)
                written += 1
        return (time.perf_counter() - started) * _SAMPLE / written


# --- ceilings ---


def _ceiling(address: str, documents: int) -> float:
    """Protobuf's raw classes, filled and committed: what the facts of the wire allow, with no ledger behind them."""
    channel = grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)])
    call = channel.unary_unary("/google.firestore.v1.Firestore/Commit",
                               request_serializer=lambda request: request.SerializeToString(),
                               response_deserializer=rpc_types.CommitResponse.pb().FromString)  # fmt: skip

    def send(first: int) -> None:
        request = rpc_types.CommitRequest.pb()(database=f"projects/{PROJECT}/databases/(default)")
        for number in range(first, first + _BATCH):
            write = request.writes.add()
            write.update.name = f"projects/{PROJECT}/databases/(default)/documents/users/u/transactions/{number}"
            for key, content in DOCUMENT.items():
                _fill(write.update.fields[key], content)
            write.current_document.exists = False
        call(request, timeout=30)

    try:
        return _timed(send, documents)
    finally:
        channel.close()


def _fill(value: Any, content: Any) -> None:
    kind = type(content)
    if kind is str:
        value.string_value = content
    elif content is None:
        value.null_value = 0
    elif kind is bool:
        value.boolean_value = content
    elif kind is int:
        value.integer_value = content
    elif kind is list:
        value.array_value.SetInParent()
    else:
        for key, inner in content.items():
            _fill(value.map_value.fields[key], inner)


def _own_ceiling(address: str, documents: int) -> float:
    client = Firestore(project=PROJECT, emulator_host=address)
    name = client.name("users/u/transactions/")

    def send(first: int) -> None:
        writes = []
        for number in range(first, first + _BATCH):
            encoded = encode(DOCUMENT)
            digest(encoded, "users/u/transactions/t")
            writes.append(guarded(encoded, f"{name}{number}", None))
        client.commit(writes)

    try:
        return _timed(send, documents)
    finally:
        client.close()


def _google_batch(address: str, documents: int) -> float:
    client = owner_client(address, PROJECT)
    rows = client.collection("users").document("u").collection("transactions")

    def send(first: int) -> None:
        batch = client.batch()
        for number in range(first, first + _BATCH):
            batch.set(rows.document(str(number)), DOCUMENT)
        batch.commit(retry=None)

    return _timed(send, documents)


def _timed(send: Callable[[int], None], documents: int) -> float:
    started = time.perf_counter()
    for first in range(0, documents, _BATCH):
        send(first)
    return time.perf_counter() - started


# --- into a Firestore that stores ---


def _against_local_firestore(bench: Ground, documents: int) -> float:
    with local_firestore((ROOT / "firestore_rules" / "firestore.rules").read_text()) as server:
        bench.sql("delete from mirror_state")
        bench.sql("select mark_documents(array_agg('users/' || id), array_agg('users/' || id)) from users")
        bench.sql("update transactions set name = name || '.'")
        with mirrors(bench, f"127.0.0.1:{server.port}", 1) as started:
            return documents / drain(bench, started)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:])) if len(sys.argv) > 2 else main(20, 1000)

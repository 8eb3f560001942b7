"""Documents mirrored per second, one process: `python -m bench.drain [people] [rows each]`.

Round by round, in shuffled order, against a no-op Firestore: the mirror (claim, build, encode, commit, acknowledge),
the bare ceiling (encode + commit of as many ready documents), and as many documents through google-cloud-firestore's
batch. The mirror is also run once against the local Firestore.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.ground import PROJECT, Ground, child, ground, interleave, paired, publish, spread
from local.listener import owner_client
from local.postgres import free_port
from sync.encode import encode, guarded
from sync.firestore import Firestore
from sync.mirror import Mirror

_ROUNDS = 5
_BATCH = 500
_REMARK = """
select mark_documents(array_agg(owner), array_agg(path)) from mirror_state where not deleted
"""
_DOCUMENT = {
    "version": {"epoch": 1, "number": 7}, "month": "2026-11", "date": "2026-11-21", "bankDate": "2026-11-21",
    "authorizedDate": None, "name": "Corner Espresso", "merchantName": "Corner Espresso", "amountMinor": 475,
    "amount": "4.75", "currency": "USD", "unofficialCurrency": None, "currencyDigits": 2,
    "categoryId": "FOOD_AND_DRINK",
    "categoryOwner": "bank", "bankCategory": "FOOD_AND_DRINK_COFFEE", "note": None, "pending": False, "source": "bank",
    "accountId": "6c1f2f0e-7a51-4f0e-9d55-0d6f2f9b1a11", "paymentChannel": "in store",
}  # fmt: skip


def main(people: int, rows: int) -> None:
    started, noop = time.monotonic(), free_port()
    with ground() as bench, child("bench.noop_firestore", str(noop)):
        bench.people(people, rows)
        address = f"127.0.0.1:{noop}"
        _drain(bench, address)
        documents = bench.sql("select count(*) from mirror_state")[0][0]
        arms = {
            "mirror": lambda: _remark_and_drain(bench, address) and documents / _drain(bench, address),
            "ceiling": lambda: documents / _ceiling(address, documents),
            "google-cloud-firestore batch": lambda: documents / _google_batch(address, documents),
        }
        figures = interleave(arms, _ROUNDS)
        real = _against_local_firestore(bench, documents)
    publish(
        "drain",
        started,
        documents=documents,
        documents_per_second={name: spread(values) for name, values in figures.items()},
        mirror_ratio_to={n: paired(figures["mirror"], v) for n, v in figures.items() if n != "mirror"},
        local_firestore_documents_per_second=round(real),
    )


def _remark_and_drain(bench: Ground, address: str) -> bool:
    bench.sql(_REMARK)
    return True


def _drain(bench: Ground, address: str) -> float:
    deps = bench.deps("mirror", FIRESTORE_EMULATOR_HOST=address, MIRROR_MONTH_INTERVAL_SECONDS="0")
    started = time.perf_counter()
    Mirror(deps).run(until_clean=True)
    seconds = time.perf_counter() - started
    assert bench.sql("select count(*) from changes") == [(0,)]
    return seconds


def _ceiling(address: str, documents: int) -> float:
    client = Firestore(project=PROJECT, emulator_host=address)
    name = client.name("users/u/transactions/")

    def send(first: int) -> None:
        client.commit([guarded(encode(_DOCUMENT), f"{name}{n}", None) for n in range(first, first + _BATCH)])

    return _timed(send, documents)


def _google_batch(address: str, documents: int) -> float:
    client = owner_client(address, PROJECT)
    rows = client.collection("users").document("u").collection("transactions")

    def send(first: int) -> None:
        batch = client.batch()
        for number in range(first, first + _BATCH):
            batch.set(rows.document(str(number)), _DOCUMENT)
        batch.commit(retry=None)

    return _timed(send, documents)


def _timed(send: Callable[[int], None], documents: int) -> float:
    started = time.perf_counter()
    for first in range(0, documents, _BATCH):
        send(first)
    return time.perf_counter() - started


def _against_local_firestore(bench: Ground, documents: int) -> float:
    port = free_port()
    with tempfile.TemporaryDirectory() as data:
        from local.processes import Child

        log = Path(data) / "firestore.log"
        command = [sys.executable, "-m", "local.firestore", "--host", "127.0.0.1", "--port", str(port)]
        rules = Path(__file__).parents[1] / "firestore_rules" / "firestore.rules"
        server = Child("firestore", [*command, "--rules", str(rules), "--data", data], _environment(), log)
        server.ready = lambda: _listens(port)
        server.start()
        try:
            server.wait_until_ready()
            bench.sql("delete from mirror_state")
            bench.sql("select mark_documents(array_agg('users/' || id), array_agg('users/' || id)) from users")
            bench.sql("update transactions set name = name || '.'")
            return documents / _drain(bench, f"127.0.0.1:{port}")
        finally:
            server.stop()


def _environment() -> dict[str, Any]:
    import os

    return dict(os.environ)


def _listens(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:])) if len(sys.argv) == 3 else main(20, 1000)

"""Transactions that get into each other's way: who waits for whom differs, the outcome must not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from local.firestore import pb
from tests.differential.firestore.player import Player, player
from tests.differential.firestore.program import DATABASE, ROOT

_NAME = f"{ROOT}/c/counter"
_ATTEMPTS = 50


def count_together(address: str, people: int, times: int) -> int:
    """Everybody reads a counter and writes it one higher, in transactions, all at once; answers where it ends."""
    with player(address) as playing:
        _write(playing, 0, b"")
        with ThreadPoolExecutor(people) as pool:
            list(pool.map(lambda _: [_add_one(playing) for _ in range(times)], range(people)))
        return _read(playing, b"")


def _add_one(playing: Player) -> None:
    begun, earlier = pb.rpc_message("BeginTransactionRequest")(database=DATABASE), b""
    for _ in range(_ATTEMPTS):
        begun.options.read_write.retry_transaction = earlier
        earlier = playing.call("BeginTransaction", begun).transaction
        try:
            _write(playing, _read(playing, earlier) + 1, earlier)
            return
        except grpc.RpcError as problem:
            if problem.code() is not grpc.StatusCode.ABORTED:
                raise
            playing.end(earlier)
    raise AssertionError(f"a transaction was aborted {_ATTEMPTS} times")


def _read(playing: Player, transaction: bytes) -> int:
    request = pb.rpc_message("BatchGetDocumentsRequest")(database=DATABASE, documents=[_NAME])
    if transaction:
        request.transaction = transaction
    [found] = playing.call("BatchGetDocuments", request)
    return int(found.found.fields["n"].integer_value)


def _write(playing: Player, number: int, transaction: bytes) -> Any:
    request = pb.rpc_message("CommitRequest")(database=DATABASE, transaction=transaction)
    write = request.writes.add()
    write.update.name = _NAME
    write.update.fields["n"].integer_value = number
    return playing.call("Commit", request)

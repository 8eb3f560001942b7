"""A Firestore that answers and does nothing: the floor under every figure. `python -m bench.noop_firestore PORT`."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud.firestore_v1.types import firestore, write

_COMMIT, _REPLY, _RESULT = firestore.CommitRequest.pb(), firestore.CommitResponse.pb(), write.WriteResult.pb()


def answer(request: Any) -> Any:
    """As if every write had been applied now."""
    reply = _REPLY()
    micros = time.time_ns() // 1000
    reply.commit_time.FromMicroseconds(micros)
    for _ in request.writes:
        reply.write_results.add().update_time.FromMicroseconds(micros)
    return reply


def main(port: int) -> None:
    handler = grpc.unary_unary_rpc_method_handler(
        lambda request, context: answer(request), _COMMIT.FromString, lambda reply: reply.SerializeToString()
    )
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", {"Commit": handler}),)
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(int(sys.argv[1]))

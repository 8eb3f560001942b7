"""gRPC: the method table as a generic handler, raw messages in and out.

Every stream keeps an outbox, so a slow reader delays nobody; one that does not read at all is cut off (outbox.py).
Stopping ends all streams with UNAVAILABLE first: clients reconnect by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

from local.firestore.access import caller_of
from local.firestore.adapters.outbox import Outbox
from local.firestore.engine import Engine
from local.firestore.errors import Code, FirestoreError, invalid
from local.firestore.rpc.call import Call
from local.firestore.rpc.table import SERVICE, Method, Stream, methods, streams

_MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_OPTIONS = [
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", -1),
    # Admin clients ping each 30 seconds on streams that live for days.
    ("grpc.http2.min_ping_interval_without_data_ms", 5000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
]
_log = logging.getLogger(__name__)


class GrpcService(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Serves the method table on an address such as `unix:/path`; create it on the running loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._outboxes: set[Outbox] = set()
        self._handlers = {name: self._unary(method) for name, method in methods().items()}
        self._handlers.update((name, self._streaming(stream)) for name, stream in streams().items())
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers((self,))

    async def start(self, address: str) -> None:
        self._server.add_insecure_port(address)
        await self._server.start()

    async def stop(self, grace_seconds: float) -> None:
        """Ends all streams with UNAVAILABLE, then the server."""
        for outbox in self._outboxes:
            outbox.end(FirestoreError(Code.UNAVAILABLE, "The server is shutting down."))
        await self._server.stop(grace_seconds)

    def service(self, handler_call_details: Any) -> Any:
        service, _, name = handler_call_details.method.lstrip("/").partition("/")
        if service != SERVICE:
            return None
        return self._handlers.get(name) or _not_served(name)

    def _unary(self, method: Method) -> Any:
        make = grpc.unary_stream_rpc_method_handler if method.streams else grpc.unary_unary_rpc_method_handler
        function = self._many_answers(method) if method.streams else self._one_answer(method)
        return make(function, None, _serialise)

    def _one_answer(self, method: Method) -> Callable[..., Any]:
        async def handle(data: bytes, context: Any) -> Any:
            try:
                return await method.function(self._call(context), _parse(method.request, data))
            except Exception as problem:
                await _abort(context, problem)

        return handle

    def _many_answers(self, method: Method) -> Callable[..., Any]:
        async def handle(data: bytes, context: Any) -> AsyncIterator[Any]:
            try:
                answers = await method.function(self._call(context), _parse(method.request, data))
            except Exception as problem:
                await _abort(context, problem)
            for answer in answers:
                yield answer

        return handle

    def _streaming(self, stream: Stream) -> Any:
        async def handle(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            outbox = Outbox(stream.request.DESCRIPTOR.name.removesuffix("Request"))
            self._outboxes.add(outbox)
            feeder = None
            try:
                session = stream.session(self._call(context), _sender(outbox))
                outbox.on_cut = session.close
                feeder = asyncio.create_task(_feed(requests, stream, session, outbox))
                while (message := await outbox.get()) is not None:
                    yield message
            except Exception as problem:
                await _abort(context, problem)
            finally:
                self._outboxes.discard(outbox)
                if feeder is not None:
                    feeder.cancel()
                    session.close()

        return grpc.stream_stream_rpc_method_handler(handle)

    def _call(self, context: Any) -> Call:
        metadata = dict(context.invocation_metadata() or ())
        return Call(self._engine, caller_of(metadata.get("authorization")))


async def _feed(requests: AsyncIterator[bytes], stream: Stream, session: Any, outbox: Outbox) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        try:
            async for data in requests:
                with outbox.asked():
                    await session.receive(_parse(stream.request, data))
                await outbox.room()
            outbox.end()
        except Exception as problem:
            outbox.end(problem)


def _sender(outbox: Outbox) -> Callable[[Any], None]:
    def send(answer: Any) -> None:
        if not outbox.ended:
            outbox.put(_serialise(answer))

    return send


def _parse(message_class: Any, data: bytes) -> Any:
    try:
        return message_class.FromString(data)
    except DecodeError as problem:
        raise invalid(f"The request is no {message_class.DESCRIPTOR.name}: {problem}") from problem


async def _abort(context: Any, problem: Exception) -> NoReturn:
    if not isinstance(problem, FirestoreError):
        if not isinstance(problem, grpc.RpcError | grpc.aio.AbortError):
            _log.exception("A call failed.", exc_info=problem)
        problem = FirestoreError(Code.INTERNAL, f"{type(problem).__name__}: {problem}")
    await context.abort(grpc.StatusCode[problem.code.name], problem.message)
    raise AssertionError("abort raises")


def _not_served(name: str) -> Any:
    async def handle(_requests: Any, context: Any) -> AsyncIterator[Any]:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"The local Firestore does not serve {name}.")
        yield b""

    return grpc.stream_stream_rpc_method_handler(handle)


def _serialise(message: Any) -> bytes:
    return bytes(message.SerializeToString())

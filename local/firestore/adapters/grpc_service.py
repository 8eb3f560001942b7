"""gRPC: the method table behind HTTP/2 connections, raw messages in and out.

Every stream keeps an outbox, so a slow reader delays nobody; one that does not read at all is cut off (outbox.py).
Stopping ends all streams with UNAVAILABLE first: clients reconnect by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from google.protobuf.message import DecodeError

from local.firestore.access import caller_of
from local.firestore.adapters.http2 import Exchange, Http2
from local.firestore.adapters.outbox import Outbox
from local.firestore.engine import Engine
from local.firestore.errors import Code, FirestoreError, invalid, not_here
from local.firestore.rpc.call import Call
from local.firestore.rpc.table import SERVICE, Method, Stream, methods, streams

_log = logging.getLogger(__name__)


class GrpcService:
    """Serves the method table on the running loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._methods, self._streams = methods(), streams()
        self._outboxes: set[Outbox] = set()
        self._lines: set[Http2] = set()

    def line(self) -> Http2:
        """What speaks on a new connection."""
        return Http2(self._handle, self._lines)

    async def stop(self, grace_seconds: float) -> None:
        """Ends all streams with UNAVAILABLE, then the connections."""
        for outbox in self._outboxes:
            outbox.end(FirestoreError(Code.UNAVAILABLE, "The server is shutting down."))
        await asyncio.sleep(grace_seconds)
        for line in list(self._lines):
            line.close()

    async def _handle(self, exchange: Exchange) -> None:
        try:
            await self._serve(exchange)
        except Exception as problem:
            exchange.finish(_told(problem))

    async def _serve(self, exchange: Exchange) -> None:
        service, _, name = exchange.method.lstrip("/").partition("/")
        if service == SERVICE and name in self._methods:
            await self._answer(self._methods[name], exchange)
        elif service == SERVICE and name in self._streams:
            await self._stream(self._streams[name], exchange)
        else:
            raise not_here(name)

    async def _answer(self, method: Method, exchange: Exchange) -> None:
        data = await anext(exchange.messages(), None)
        if data is None:
            raise invalid("A call needs a message.")
        answers = await method.function(self._call(exchange), _parse(method.request, data))
        if not method.streams:
            exchange.finish(last=_serialise(answers))
            return
        for answer in answers:
            await exchange.send(_serialise(answer))
        exchange.finish()

    async def _stream(self, stream: Stream, exchange: Exchange) -> None:
        outbox = Outbox(stream.request.DESCRIPTOR.name.removesuffix("Request"))
        session = stream.session(self._call(exchange), _sender(outbox))
        outbox.on_cut = session.close
        self._outboxes.add(outbox)
        feeder = asyncio.create_task(_feed(exchange.messages(), stream, session, outbox))
        try:
            while (message := await outbox.get()) is not None:
                await exchange.send(message)
            exchange.finish()
        finally:
            self._outboxes.discard(outbox)
            feeder.cancel()
            session.close()

    def _call(self, exchange: Exchange) -> Call:
        return Call(self._engine, caller_of(exchange.header("authorization")))


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


def _told(problem: Exception) -> FirestoreError:
    if isinstance(problem, FirestoreError):
        return problem
    _log.exception("A call failed.", exc_info=problem)
    return FirestoreError(Code.INTERNAL, f"{type(problem).__name__}: {problem}")


def _serialise(message: Any) -> bytes:
    return bytes(message.SerializeToString())

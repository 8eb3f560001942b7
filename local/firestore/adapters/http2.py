"""gRPC's wire over HTTP/2, without meaning: calls with messages in both directions, on the server's own loop.

h2 keeps the protocol; here frames become messages, and answers go out as the peer's windows allow. A call's messages
are taken one after the other: what its handler has not taken holds the sender back. A connection that breaks the
protocol is told so and closed. Called by grpc_service.py, which knows what the calls mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
from urllib.parse import quote

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import H2Error, StreamClosedError
from h2.settings import SettingCodes, Settings

from local.firestore.errors import Code, FirestoreError, not_here

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_WINDOW_BYTES = 4 * 1024 * 1024
_CONNECTION_WINDOW_BYTES = 64 * 1024 * 1024
_CONFIG = H2Configuration(
    client_side=False, header_encoding=None, validate_inbound_headers=False, normalize_inbound_headers=False,
    validate_outbound_headers=False, normalize_outbound_headers=False,
)  # fmt: skip
_SETTINGS = {
    SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW_BYTES,
    SettingCodes.MAX_CONCURRENT_STREAMS: 100_000,
    SettingCodes.MAX_HEADER_LIST_SIZE: 64 * 1024,
}
_HEADERS = [(b":status", b"200"), (b"content-type", b"application/grpc"), (b"grpc-accept-encoding", b"gzip, deflate")]
_PLAIN = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"


class Exchange:
    """One call: who calls what, the caller's messages, and the way of the answers."""

    def __init__(self, line: Http2, stream_id: int, headers: dict[bytes, bytes]) -> None:
        self.method = headers.get(b":path", b"").decode("latin-1")
        self.stream_id = stream_id
        self.task: asyncio.Task[None] | None = None
        self.unsent = bytearray()
        self.trailers: list[tuple[bytes, bytes]] | None = None
        self.begun = False
        self._line = line
        self._headers = headers
        self._partial = bytearray()
        self._messages: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._went_out = asyncio.Event()
        self.over = False
        self._owed_bytes = 0

    def header(self, name: str) -> str | None:
        """What the caller said under this name."""
        value = self._headers.get(name.encode())
        return None if value is None else value.decode("latin-1")

    async def messages(self) -> AsyncIterator[bytes]:
        """The caller's messages until it has said all."""
        while True:
            while self._messages:
                message = self._messages.popleft()
                if not self._messages:
                    self._pay()
                yield message
            if self.over:
                return
            self._news.clear()
            await self._news.wait()

    async def send(self, message: bytes) -> None:
        """Sends an answer; waits until it has gone out."""
        self.unsent += b"\0" + len(message).to_bytes(4, "big") + message
        self._line.pump(self)
        while self.unsent:
            self._went_out.clear()
            await self._went_out.wait()

    def finish(self, problem: FirestoreError | None = None, last: bytes | None = None) -> None:
        """Ends the call, after a last answer where there is one; the first end counts."""
        if self.trailers is not None:
            return
        if last is not None:
            self.unsent += b"\0" + len(last).to_bytes(4, "big") + last
        self.trailers = [(b"grpc-status", b"%d" % (0 if problem is None else problem.code.number))]
        if problem is not None:
            self.trailers.append((b"grpc-message", quote(problem.message, safe=_PLAIN).encode()))
        self._line.pump(self)

    # --- the line's side ---

    def feed(self, data: bytes, window_bytes: int) -> None:
        """Takes in what arrived; raises FirestoreError for a message that is too large or cannot be unpacked."""
        self._partial += data
        self._owed_bytes += window_bytes
        while len(self._partial) >= 5:
            size = int.from_bytes(self._partial[1:5], "big")
            if size > MAX_MESSAGE_BYTES:
                raise _too_large(size)
            if len(self._partial) < 5 + size:
                break
            message = bytes(memoryview(self._partial)[5 : 5 + size])
            packed = self._partial[0]
            del self._partial[: 5 + size]
            self._messages.append(self._unpacked(message) if packed else message)
            self._news.set()
        if not self._messages:
            self._pay()

    def complete(self) -> None:
        """The caller has said all."""
        self.over = True
        self._news.set()

    def sent(self) -> None:
        """Everything has gone out."""
        self._went_out.set()

    def _pay(self) -> None:
        owed, self._owed_bytes = self._owed_bytes, 0
        if owed:
            self._line.acknowledge(self, owed)

    def _unpacked(self, message: bytes) -> bytes:
        encoding = self.header("grpc-encoding")
        if encoding not in ("gzip", "deflate"):
            raise not_here(f"messages packed by {encoding}")
        try:
            plain = zlib.decompressobj(wbits=47).decompress(message, MAX_MESSAGE_BYTES + 1)
        except zlib.error as problem:
            raise FirestoreError(Code.INTERNAL, f"A message cannot be unpacked: {problem}") from problem
        if len(plain) > MAX_MESSAGE_BYTES:
            raise _too_large(len(plain))
        return plain


Handler = Callable[[Exchange], Coroutine[Any, Any, None]]


class Http2(asyncio.Protocol):
    """One connection; `handle` makes the coroutine of a call, `lines` are the connections that are open."""

    def __init__(self, handle: Handler, lines: set[Http2]) -> None:
        self._handle = handle
        self._lines = lines
        self._exchanges: dict[int, Exchange] = {}
        self._transport: Any = None
        self._paused = False
        self._http2 = H2Connection(_CONFIG)
        self._http2.local_settings = Settings(client=False, initial_values=_SETTINGS)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._lines.add(self)
        self._http2.initiate_connection()
        self._http2.increment_flow_control_window(_CONNECTION_WINDOW_BYTES)
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._http2.receive_data(data):
                self._take(event)
        except H2Error:
            self.close()
            return
        self._flush()

    def pause_writing(self) -> None:
        """Who does not read is not listened to either: each of its frames may want an answer."""
        self._paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        self._transport.resume_reading()
        self._pump_all()

    def connection_lost(self, _problem: Exception | None) -> None:
        self._lines.discard(self)
        for exchange in list(self._exchanges.values()):
            self._forget(exchange)

    def close(self) -> None:
        """Says goodbye and closes. Twice is safe."""
        with contextlib.suppress(H2Error):
            self._http2.close_connection()
        self._flush()
        self._transport.close()

    def acknowledge(self, exchange: Exchange, window_bytes: int) -> None:
        """Lets the caller send as much again."""
        with contextlib.suppress(H2Error):
            self._http2.acknowledge_received_data(window_bytes, exchange.stream_id)
            self._flush()

    def pump(self, exchange: Exchange) -> None:
        """Sends as much of a call's answers as its windows and the line allow."""
        if exchange.stream_id in self._exchanges:
            try:
                self._pump(exchange)
            except (H2Error, KeyError):
                self._forget(exchange)
            self._flush()

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.DataReceived):
            self._data(event)
        elif isinstance(event, events.RequestReceived):
            self._begin(event)
        elif isinstance(event, events.StreamEnded):
            if (exchange := self._exchanges.get(event.stream_id or 0)) is not None:
                exchange.complete()
        elif isinstance(event, events.StreamReset):
            if (exchange := self._exchanges.get(event.stream_id or 0)) is not None:
                self._forget(exchange)
        elif isinstance(event, events.WindowUpdated | events.RemoteSettingsChanged):
            self._pump_all()
        elif isinstance(event, events.ConnectionTerminated):
            self._transport.close()

    def _begin(self, event: events.RequestReceived) -> None:
        exchange = Exchange(self, event.stream_id or 0, {bytes(name): bytes(value) for name, value in event.headers})
        self._exchanges[exchange.stream_id] = exchange
        exchange.task = asyncio.get_running_loop().create_task(self._handle(exchange))

    def _data(self, event: events.DataReceived) -> None:
        exchange = self._exchanges.get(event.stream_id or 0)
        window_bytes = event.flow_controlled_length or 0
        if exchange is None or exchange.trailers is not None:
            with contextlib.suppress(StreamClosedError):
                self._http2.acknowledge_received_data(window_bytes, event.stream_id or 0)
            return
        try:
            exchange.feed(event.data or b"", window_bytes)
        except FirestoreError as problem:
            exchange.finish(problem)

    def _pump(self, exchange: Exchange) -> None:
        while exchange.unsent and not self._paused:
            self._answer(exchange)
            room = self._http2.local_flow_control_window(exchange.stream_id)
            size = min(len(exchange.unsent), room, self._http2.max_outbound_frame_size)
            if size <= 0:
                return
            self._http2.send_data(exchange.stream_id, bytes(memoryview(exchange.unsent)[:size]))
            del exchange.unsent[:size]
        if not exchange.unsent:
            exchange.sent()
            if exchange.trailers is not None:
                self._end(exchange)

    def _answer(self, exchange: Exchange) -> None:
        if not exchange.begun:
            exchange.begun = True
            self._http2.send_headers(exchange.stream_id, _HEADERS)

    def _end(self, exchange: Exchange) -> None:
        """What the caller still says is not waited for."""
        trailers = exchange.trailers or []
        headers = trailers if exchange.begun else [*_HEADERS, *trailers]
        self._http2.send_headers(exchange.stream_id, headers, end_stream=True)
        if not exchange.over:
            self._http2.reset_stream(exchange.stream_id, ErrorCodes.NO_ERROR)
        del self._exchanges[exchange.stream_id]

    def _pump_all(self) -> None:
        for exchange in list(self._exchanges.values()):
            if exchange.unsent or exchange.trailers is not None:
                self.pump(exchange)

    def _forget(self, exchange: Exchange) -> None:
        self._exchanges.pop(exchange.stream_id, None)
        if exchange.task is not None:
            exchange.task.cancel()

    def _flush(self) -> None:
        data = self._http2.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)


def _too_large(size: int) -> FirestoreError:
    text = f"Received message larger than max ({size} vs. {MAX_MESSAGE_BYTES})"
    return FirestoreError(Code.RESOURCE_EXHAUSTED, text)

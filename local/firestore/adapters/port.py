"""One port for all: the first three bytes of a connection tell gRPC (`PRI`, HTTP/2) from HTTP/1.1.

HTTP/1.1 connections are handed to aiohttp as they are. gRPC cannot adopt a socket, so those connections are spliced
to its own listener, a unix socket in a private directory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

_PREFACE = b"PRI"


class Doorway(asyncio.Protocol):
    """A fresh connection until it is known what it speaks."""

    def __init__(self, make_http: Callable[[], Any], grpc_path: str) -> None:
        self._make_http = make_http
        self._grpc_path = grpc_path
        self._transport: Any = None
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if len(self._seen) < len(_PREFACE) and _PREFACE.startswith(self._seen):
            return
        if self._seen.startswith(_PREFACE):
            Splice(self._transport, self._seen, self._grpc_path).begin()
            return
        http = self._make_http()
        self._transport.set_protocol(http)
        http.connection_made(self._transport)
        http.data_received(self._seen)


class Splice(asyncio.Protocol):
    """The client's half of a spliced connection; `_Inner` is the other."""

    def __init__(self, outer: Any, seen: bytes, path: str) -> None:
        self.outer = outer
        self.inner: Any = None
        self._waiting = [seen]
        self._path = path
        self._opening: asyncio.Task[Any] | None = None

    def begin(self) -> None:
        self.outer.set_protocol(self)
        self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self.inner, _ = await loop.create_unix_connection(lambda: _Inner(self), self._path)
        except OSError:
            self.outer.close()
            return
        self.inner.writelines(self._waiting)
        self._waiting.clear()
        if self.outer.is_closing():
            self.inner.close()

    def data_received(self, data: bytes) -> None:
        if self.inner is None:
            self._waiting.append(data)
        else:
            self.inner.write(data)

    def pause_writing(self) -> None:
        if self.inner is not None:
            self.inner.pause_reading()

    def resume_writing(self) -> None:
        if self.inner is not None:
            self.inner.resume_reading()

    def connection_lost(self, _problem: Exception | None) -> None:
        if self.inner is not None:
            self.inner.close()


class _Inner(asyncio.Protocol):
    """The gRPC server's half."""

    def __init__(self, splice: Splice) -> None:
        self._outer = splice.outer

    def data_received(self, data: bytes) -> None:
        self._outer.write(data)

    def pause_writing(self) -> None:
        self._outer.pause_reading()

    def resume_writing(self) -> None:
        self._outer.resume_reading()

    def connection_lost(self, _problem: Exception | None) -> None:
        self._outer.close()

"""One port for all: the first three bytes of a connection tell gRPC (`PRI`, HTTP/2) from HTTP/1.1."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

_PREFACE = b"PRI"


class Doorway(asyncio.Protocol):
    """A fresh connection until it is known what it speaks; then it is handed over as it is."""

    def __init__(self, make_http: Callable[[], Any], make_http2: Callable[[], Any]) -> None:
        self._make_http = make_http
        self._make_http2 = make_http2
        self._transport: Any = None
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if len(self._seen) < len(_PREFACE) and _PREFACE.startswith(self._seen):
            return
        spoken = self._make_http2() if self._seen.startswith(_PREFACE) else self._make_http()
        self._transport.set_protocol(spoken)
        spoken.connection_made(self._transport)
        spoken.data_received(self._seen)

"""A server on the running event loop: engine, wires and the one port; starts and stops as a whole.

Stopping takes well under a second and is in this order for a reason: first no new channel is let in, then the open
ones are told (UNAVAILABLE), then the port closes. Otherwise browsers reconnect into the dying process and wait.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from aiohttp import web

from local.firestore.adapters.admin import Admin
from local.firestore.adapters.grpc_service import GrpcService
from local.firestore.adapters.http import application
from local.firestore.adapters.port import Doorway
from local.firestore.adapters.rest import Rest
from local.firestore.adapters.viewer import Viewer
from local.firestore.adapters.webchannel import WebChannel
from local.firestore.engine import Engine

_LAST_WORDS_SECONDS = 0.15


class Server:
    """One engine behind one port."""

    def __init__(self, engine: Engine, project: str) -> None:
        self.engine = engine
        self.port = 0
        self._webchannel = WebChannel(engine)
        self._viewer = Viewer(engine, project)
        app = application(self._webchannel, Rest(engine), Admin(engine, project), self._viewer)
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=75.0, shutdown_timeout=0.1)
        self._grpc = GrpcService(engine)
        self._make_http: Any = None
        self._doors: list[asyncio.Server] = []

    async def start(self, host: str, port: int) -> None:
        """Begins to serve; `port` 0 takes a free one. Raises OSError when the port is taken."""
        await self._runner.setup()
        self._make_http = self._runner.server
        self._webchannel.start()
        loop = asyncio.get_running_loop()
        for address in _addresses(host):
            door = await loop.create_server(
                lambda: Doorway(self._make_http, self._grpc.line), address, self.port or port, backlog=1024
            )
            self._doors.append(door)
            self.port = door.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Ends all streams and closes the port; what was committed is safe already."""
        self._webchannel.shut()
        self._viewer.stop()
        await asyncio.gather(self._grpc.stop(_LAST_WORDS_SECONDS), asyncio.sleep(_LAST_WORDS_SECONDS))
        for door in self._doors:
            door.close()
        self._webchannel.stop()
        await self._runner.cleanup()
        self.engine.close()


def _addresses(host: str) -> list[str]:
    # Browsers and gRPC try ::1 first for `localhost`.
    if host not in {"127.0.0.1", "localhost"}:
        return [host]
    return ["127.0.0.1", "::1"] if _has_ipv6_loopback() else ["127.0.0.1"]


def _has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True

"""The local auth server: one thread with its own event loop, one SQLite file.

Started by `python -m local.auth`, by the stack and by tests; `start` answers when the port is open. A crash loses
nothing that was acknowledged. It signs anybody in as anybody: it serves demo projects only, by default on loopback.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from . import admin_door, client_door, emulator_door
from .directory import Directory
from .replies import cors, refusals
from .store import Store

_BODY_LIMIT = 2 * 2**20  # a thousand accounts to bring in
_STOP_SECONDS = 10


class NotADemoProject(ValueError):
    """Local auth serves only projects named `demo-...`: its tokens are unsigned."""


class AuthWouldNotStart(RuntimeError):
    """Local auth could not open its port or its data."""


@dataclass
class RunningAuth:
    """A running server at `host:port`; `stop()` ends it."""

    host: str
    port: int
    project: str
    _loop: asyncio.AbstractEventLoop
    _stopping: asyncio.Event
    _thread: threading.Thread

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def wait(self) -> None:
        """Returns when the server has ended."""
        self._thread.join()

    def begin_stop(self) -> None:
        """Tells the server to end, without waiting: what a signal handler may do. Safe twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)

    def stop(self) -> None:
        """Ends the server and closes its data. Stopping twice is safe."""
        self.begin_stop()
        self._thread.join(_STOP_SECONDS)


def start(
    *, host: str = "127.0.0.1", port: int = 0, project: str = "demo-livespend", data: Path | None = None
) -> RunningAuth:
    """Starts a server (port 0: any free one; data None: in memory) and returns when it answers.

    Raises NotADemoProject, or AuthWouldNotStart if the port is taken or the data cannot be opened.
    """
    if not project.startswith("demo-"):
        raise NotADemoProject(f"local auth serves projects named demo-..., not {project!r}")
    started: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    def run() -> None:
        try:
            asyncio.run(_serve(host, port, project, data, started))
        except Exception as error:
            if started.done():
                raise
            started.set_exception(AuthWouldNotStart(str(error)))

    thread = threading.Thread(target=run, name="local-auth", daemon=True)
    thread.start()
    chosen, loop, stopping = started.result()
    return RunningAuth(host, chosen, project, loop, stopping, thread)


async def _serve(
    host: str,
    port: int,
    project: str,
    data: Path | None,
    started: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]],
) -> None:
    store = Store(data)
    directory = Directory(store, project)
    runner = web.AppRunner(_application(directory), access_log=None, shutdown_timeout=0.5)
    try:
        await runner.setup()
        await web.TCPSite(runner, host, port, reuse_address=True).start()
        directory.origin = f"http://{host}:{runner.addresses[0][1]}"
        stopping = asyncio.Event()
        started.set_result((runner.addresses[0][1], asyncio.get_running_loop(), stopping))
        await stopping.wait()
    finally:
        await runner.cleanup()
        store.close()


def _application(directory: Directory) -> web.Application:
    application = web.Application(middlewares=[cors, refusals], client_max_size=_BODY_LIMIT)
    doors = (client_door, admin_door, emulator_door)
    application.add_routes([route for door in doors for route in door.routes(directory)])
    application.router.add_get("/", _about)
    return application


async def _about(request: web.Request) -> web.Response:
    return web.json_response({"authEmulator": {"ready": True, "docs": "local auth of Livespend"}})

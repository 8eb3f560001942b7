"""The server as a library call: `start()` runs it in a thread with a loop of its own.

For tests and tools in one process; `python -m local.firestore` is the same server in a process of its own. `stop`
is graceful and may be called twice.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from local.firestore.adapters.admin import dump
from local.firestore.engine import Engine
from local.firestore.serving import Server

_START_SECONDS = 15
_CALL_SECONDS = 30
_T = TypeVar("_T")


@dataclass
class RunningFirestore:
    """A server in a thread; every method may be called from any other thread."""

    host: str
    port: int
    project: str
    _server: Server
    _loop: asyncio.AbstractEventLoop
    _thread: threading.Thread
    _ended: asyncio.Event
    _stopped: bool = field(default=False)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def clear(self) -> None:
        """Deletes all documents, faults and counts."""
        self.call(self._clear)

    def load_rules(self, text: str | None) -> None:
        """Replaces the rules; None denies everything to everybody but the admin. Raises RulesSyntaxError."""
        engine = self._server.engine
        self.call(engine.forget_rules if text is None else lambda: engine.load_rules(text))

    def documents(self, prefix: str = "") -> dict[str, dict[str, Any]]:
        """All documents at or below a path, by relative path, as plain values."""
        return self.call(lambda: dump(self._server.engine, self.project, prefix))

    def stats(self) -> dict[str, Any]:
        return self.call(self._server.engine.stats.as_json)

    def order_faults(self, wanted: dict[str, Any]) -> None:
        """See `faults.Faults.order`."""
        self.call(lambda: self._server.engine.faults.order(wanted))

    def call(self, function: Callable[[], _T]) -> _T:
        """Runs a function on the server's own thread: between two commits, never inside one."""

        async def run() -> _T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_CALL_SECONDS)

    def stop(self) -> None:
        """Stops gracefully."""
        if not self._stopped:
            self._stopped = True
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(_CALL_SECONDS)

    def _clear(self) -> None:
        engine = self._server.engine
        for database in engine.databases():
            database.clear()
        engine.faults.clear()
        engine.stats.reset()


def start(
    rules_text: str | None = None,
    data: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    project: str = "demo-livespend",
) -> RunningFirestore:
    """Starts a server; raises what starting raises (RulesSyntaxError, OSError for a taken port)."""
    started = _Handover()
    make = partial(_make, rules_text, data, project)
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(started, make, host, port)), name="local-firestore", daemon=True
    )
    thread.start()
    server, loop, ended = started.wait(_START_SECONDS)
    return RunningFirestore(host, server.port, project, server, loop, thread, ended)


def _make(rules_text: str | None, data: Path | None, project: str) -> Server:
    return Server(Engine(data, rules_text), project)


class _Handover:
    """What the thread hands to its starter: a running server, or why there is none."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._outcome: Any = None

    def give(self, outcome: Any) -> None:
        self._outcome = outcome
        self._ready.set()

    def wait(self, seconds: float) -> Any:
        if not self._ready.wait(seconds):
            raise TimeoutError("The local Firestore did not start.")
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome


async def _serve(started: _Handover, make: Callable[[], Server], host: str, port: int) -> None:
    try:
        server = make()
        await server.start(host, port)
    except BaseException as problem:
        started.give(problem)
        return
    ended = asyncio.Event()
    started.give((server, asyncio.get_running_loop(), ended))
    await ended.wait()
    await server.stop()

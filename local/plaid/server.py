"""Starting and stopping the stand-in: in a thread of its own for tests, or as a process.

`start` returns when the server listens. `stop` ends it; with a data folder the next start goes on where it ended,
also after a kill -9.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from aiohttp import web

from local.plaid import world as worlds
from local.plaid.courier import Courier
from local.plaid.door import application
from local.plaid.world import Config, World

CLIENT_ID, SECRET = "local-client-id", "local-sandbox-secret"
_REAL_CLIENT_ID, _REAL_SECRET = re.compile(r"[0-9a-f]{24}"), re.compile(r"[0-9a-f]{30}")
_START_SECONDS = 15


class ProductionSecret(ValueError):
    """The keys look like real ones of Plaid; the stand-in wants made-up keys and never real ones."""


def check_keys(client_id: str, secret: str) -> None:
    """Raises ProductionSecret for keys in Plaid's own format, or ones that speak of production."""
    if _REAL_CLIENT_ID.fullmatch(client_id) or _REAL_SECRET.fullmatch(secret):
        raise ProductionSecret("the client id or the secret has the format of Plaid's own keys; give made-up ones")
    if any("production" in key.lower() for key in (client_id, secret)):
        raise ProductionSecret("the client id or the secret speaks of production; give made-up ones")


async def serve(config: Config, *, listening: Callable[[int], None], until: Callable[[], Awaitable[object]]) -> None:
    """Runs a stand-in until `until` returns; calls `listening` with the port once it answers."""
    check_keys(config.client_id, config.secret)
    world = worlds.create(config)
    runner = web.AppRunner(application(world), access_log=None, handle_signals=False, shutdown_timeout=1.0)
    courier = asyncio.get_running_loop().create_task(Courier(world).run())
    try:
        await runner.setup()
        site = web.TCPSite(runner, config.host, config.port)
        await site.start()
        port = runner.addresses[0][1]
        world.public_url = config.public_url or f"http://{reachable(config.host)}:{port}"
        listening(port)
        stop = asyncio.ensure_future(until())
        await asyncio.wait({stop, courier}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if courier.done():
            courier.result()
    finally:
        courier.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await courier
        await runner.cleanup()
        world.store.close()


def reachable(host: str) -> str:
    """An address for browsers of this machine."""
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


@dataclass
class RunningPlaid:
    """A stand-in in a thread of this process."""

    config: Config
    url: str = ""
    _loop: asyncio.AbstractEventLoop | None = None
    _stop: asyncio.Event | None = None
    _thread: threading.Thread | None = None
    _listening: threading.Event = field(default_factory=threading.Event)
    _failure: BaseException | None = None

    @property
    def client_id(self) -> str:
        return self.config.client_id

    @property
    def secret(self) -> str:
        return self.config.secret

    def stop(self) -> None:
        """Ends the server and its thread. Stopping twice is safe."""
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join(_START_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._listening.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await serve(self.config, listening=self._listens, until=self._stop.wait)

    def _listens(self, port: int) -> None:
        self.url = f"http://{self.config.host}:{port}"
        self._listening.set()

    def begin(self) -> RunningPlaid:
        """Starts the thread and waits until the server listens; raises what kept it from starting."""
        self._thread = threading.Thread(target=self._run, name="local-plaid", daemon=True)
        self._thread.start()
        if not self._listening.wait(_START_SECONDS):
            raise TimeoutError("the local Plaid did not start in time")
        if self._failure is not None:
            raise self._failure
        return self


def start(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    data: Path | None = None,
    seed: str = "livespend",
    today: date | None = None,
    client_id: str = CLIENT_ID,
    secret: str = SECRET,
    readiness: tuple[float, float] | None = None,
    manual_readiness: bool = False,
    retry_scale: float = 1.0,
    webhook_timeout: float = 10.0,
    clock_rate: float | None = None,
    public_url: str | None = None,
    knobs: Mapping[str, Any] | None = None,
) -> RunningPlaid:
    """Starts a stand-in in a thread of this process, on a free port unless one is given."""
    config = Config(
        client_id=client_id,
        secret=secret,
        host=host,
        port=port,
        data=data,
        seed=seed,
        today=today,
        readiness=readiness,
        manual_readiness=manual_readiness,
        retry_scale=retry_scale,
        webhook_timeout=webhook_timeout,
        clock_rate=clock_rate,
        public_url=public_url,
        knobs=knobs or {},
    )
    return RunningPlaid(config).begin()


__all__ = ["CLIENT_ID", "SECRET", "Config", "ProductionSecret", "RunningPlaid", "World", "check_keys", "serve", "start"]

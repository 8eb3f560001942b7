"""A page that shows the documents live: `/_local/page`. It gets everything once and then each commit as it happens.

Server-sent events; a page that does not read is cut off and, as browsers do, comes back and gets everything again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aiohttp import web

from local.firestore.database import Database
from local.firestore.engine import Engine
from local.firestore.plain import SHOWN, as_json
from local.firestore.storage.history import Change
from local.firestore.storage.records import Record

_PAGE = Path(__file__).with_name("pages") / "documents.html"
_MOST_WAITING = 1000
_KEEPALIVE_SECONDS = 15.0


class Viewer:
    """The page and its stream of events."""

    def __init__(self, engine: Engine, project: str) -> None:
        self._engine = engine
        self._project = project
        self._open: set[asyncio.Queue[str | None]] = set()

    def routes(self) -> Iterable[web.RouteDef]:
        return [web.get("/_local/page", self._page), web.get("/_local/live", self._live)]

    def stop(self) -> None:
        """Ends all streams."""
        for queue in self._open:
            queue.put_nowait(None)

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text=_PAGE.read_text(), content_type="text/html")

    async def _live(self, request: web.Request) -> web.StreamResponse:
        project = request.query.get("project", self._project)
        database = self._engine.database(f"projects/{project}/databases/(default)")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        watcher = _watcher(queue)
        self._open.add(queue)
        database.watchers.add(watcher)
        queue.put_nowait(_event("all", _everything(database)))
        try:
            with contextlib.suppress(ConnectionResetError):
                await _pump(queue, response)
        finally:
            database.watchers.discard(watcher)
            self._open.discard(queue)
        return response


def _watcher(queue: asyncio.Queue[str | None]) -> Any:
    def tell(changes: list[Change]) -> None:
        if queue.qsize() < _MOST_WAITING:
            queue.put_nowait(_event("commit", [_shown(change.path, change.after) for change in changes]))
        elif queue.qsize() == _MOST_WAITING:
            queue.put_nowait(None)

    return tell


async def _pump(queue: asyncio.Queue[str | None], response: web.StreamResponse) -> None:
    while True:
        try:
            event = await asyncio.wait_for(queue.get(), _KEEPALIVE_SECONDS)
        except TimeoutError:
            event = ": still here\n\n"
        if event is None:
            return
        await response.write(event.encode())


def _everything(database: Database) -> list[dict[str, Any]]:
    records = sorted(database.store.everything(), key=lambda record: record.path)
    return [_shown(record.path, record) for record in records]


def _shown(path: str, record: Record | None) -> dict[str, Any]:
    if record is None:
        return {"path": path, "fields": None}
    return {"path": path, "fields": SHOWN.fields(record.content().fields), "updated": record.updated}


def _event(kind: str, body: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(body, default=as_json)}\n\n"

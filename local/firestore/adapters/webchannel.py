"""WebChannel over HTTP/1.1, the browser SDK's transport: handshake, hanging GET, posts, terminate.

What looks odd is the protocol: replies are length-prefixed, a fresh GET gets a `noop` at once (a browser that sees
no byte within two round trips falls back to long polling for good), an unknown session is a 400 whose text holds
`Unknown SID` after its first character, and authorisation travels inside the first POST's form.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from local.firestore.access import caller_of
from local.firestore.adapters.channel import Channel, frame
from local.firestore.adapters.json_codec import read_json
from local.firestore.engine import Engine
from local.firestore.errors import Code, FirestoreError, invalid
from local.firestore.rpc.call import Call
from local.firestore.rpc.table import SERVICE, streams

_PROTOCOL_VERSION = 8
_SERVER_VERSION = 14
_KEEPALIVE_SECONDS = 20.0
_ABANDONED_SECONDS = 90.0
_GET_BYTES = 4 * 1024 * 1024
_MAX_FORM_FIELDS = 10_000
_NUMBER_DIGITS = 15
_NOOP = '["noop"]'


class WebChannel:
    """All channels of a server."""

    def __init__(self, engine: Engine, keepalive_seconds: float = _KEEPALIVE_SECONDS) -> None:
        self._engine = engine
        self._keepalive = keepalive_seconds
        self._streams = streams()
        self._channels: dict[str, Channel] = {}
        self._stopping = False
        self._reaper: asyncio.Task[None] | None = None

    def routes(self) -> Iterable[web.RouteDef]:
        path = f"/{SERVICE}/{{method}}/channel"
        return [web.post(path, self._post), web.get(path, self._get)]

    def start(self) -> None:
        self._reaper = asyncio.create_task(self._reap())

    def shut(self) -> None:
        """Refuses new channels and ends the open ones with UNAVAILABLE, so that browsers come back soon."""
        self._stopping = True
        for channel in list(self._channels.values()):
            channel.fail(FirestoreError(Code.UNAVAILABLE, "The server is shutting down."))

    def stop(self) -> None:
        """Lets go of everything."""
        if self._reaper is not None:
            self._reaper.cancel()
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()

    async def _post(self, request: web.Request) -> web.StreamResponse:
        form = _form(await request.read())
        first, messages = _number(form.get("ofs", "0")), _messages(form)
        sid = request.query.get("SID")
        if sid is None:
            return self._open(request, form, first, messages)
        if request.query.get("TYPE") == "terminate":
            self._drop(sid)
            return _text("")
        channel = self._channels.get(sid)
        if channel is None or channel.closed:
            return _unknown()
        channel.seen = time.monotonic()
        if "AID" in request.query:
            channel.acknowledge(_number(request.query["AID"]))
        channel.post(first, messages)
        # One turn of the loop lets the messages be handled: the reply then counts the answers to them.
        await asyncio.sleep(0)
        return web.Response(body=frame(channel.status()), content_type="text/plain")

    def _open(
        self, request: web.Request, form: dict[str, str], first: int, messages: list[dict[str, Any]]
    ) -> web.Response:
        if self._stopping:
            return _text("The server is shutting down.", 503)
        stream = self._streams.get(request.match_info["method"])
        if stream is None:
            return _text(f"The local Firestore does not serve {request.match_info['method']}.", 404)
        call = Call(self._engine, caller_of(_header(form, "authorization")))
        channel = Channel(secrets.token_urlsafe(16), call, stream)
        self._channels[channel.sid] = channel
        channel.post(first, messages)
        hello = f'[[0,["c","{channel.sid}","",{_PROTOCOL_VERSION},{_SERVER_VERSION},{int(self._keepalive * 1000)}]]]'
        return web.Response(
            body=frame(hello), content_type="text/plain", headers={"X-HTTP-Session-Id": secrets.token_urlsafe(12)}
        )

    async def _get(self, request: web.Request) -> web.StreamResponse:
        channel = self._channels.get(request.query.get("SID", ""))
        if channel is None or channel.spent:
            return _unknown()
        holder = object()
        channel.acknowledge(_number(request.query.get("AID", "0")))
        channel.holder = holder
        channel.hang_up = request.transport.abort if request.transport is not None else None
        channel.wake.set()
        channel.rewind()
        response = web.StreamResponse(headers={"Content-Type": "text/plain", "Cache-Control": "no-cache"})
        with contextlib.suppress(ConnectionResetError):
            await response.prepare(request)
            await self._stream(channel, holder, response, once=request.query.get("CI") == "1")
        if channel.holder is holder:
            channel.holder = channel.hang_up = None
            channel.seen = time.monotonic()
        return response

    async def _stream(self, channel: Channel, holder: object, response: web.StreamResponse, *, once: bool) -> None:
        if not once and channel.drained and not channel.closed:
            channel.push(_NOOP)
        written = 0
        while channel.holder is holder:
            arrays = channel.take()
            if arrays:
                chunk = frame(f"[{','.join(arrays)}]")
                await response.write(chunk)
                written += len(chunk)
                # A browser says what it has seen when it opens the next GET: without an end nothing could be dropped.
                if (once and channel.drained) or written > _GET_BYTES:
                    return
                continue
            if channel.closed:
                self._drop(channel.sid)
                return
            channel.wake.clear()
            try:
                async with asyncio.timeout(self._keepalive):
                    await channel.wake.wait()
            except TimeoutError:
                channel.push(_NOOP)

    def _drop(self, sid: str) -> None:
        channel = self._channels.pop(sid, None)
        if channel is not None:
            channel.close()

    async def _reap(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(_ABANDONED_SECONDS / 9)
                stale = time.monotonic() - _ABANDONED_SECONDS
                for channel in [c for c in self._channels.values() if c.holder is None and c.seen < stale]:
                    self._drop(channel.sid)


def _form(body: bytes) -> dict[str, str]:
    try:
        text = body.decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FORM_FIELDS))
    except ValueError as problem:
        raise invalid(f"The form of a channel cannot be read: {problem}") from problem


def _messages(form: dict[str, str]) -> list[dict[str, Any]]:
    count = _number(form.get("count", "0"))
    if count > len(form):
        raise invalid(f"{count} messages were announced, and fewer are here.")
    return [read_json(form.get(f"req{position}___data__", "")) for position in range(count)]


def _header(form: dict[str, str], wanted: str) -> str | None:
    for line in form.get("headers", "").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == wanted:
            return value.strip()
    return None


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > _NUMBER_DIGITS:
        raise invalid(f'"{text[:60]}" is no number.')
    return int(text)


def _unknown() -> web.Response:
    return _text("Error 400: Unknown SID", 400)


def _text(body: str, status: int = 200) -> web.Response:
    return web.Response(text=body, status=status)

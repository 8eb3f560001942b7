"""One WebChannel: numbered arrays that a browser fetches by a hanging GET, and messages that it posts.

Arrays are kept until the browser has acknowledged them (AID), so a lost connection loses nothing. Only the newest
GET counts. Messages are handled one after the other, each once, however often a POST is retried. A browser that leaves
too much unread is cut off (outbox.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

from local.firestore.adapters.json_codec import read_message, write_error, write_message
from local.firestore.adapters.outbox import MAX_UNREAD_BYTES, too_slow
from local.firestore.errors import Code, FirestoreError
from local.firestore.rpc.call import Call
from local.firestore.rpc.table import Stream

_MAX_FRAME_ARRAYS = 500
_FRAME_BYTES = 1024 * 1024
_FORSAKEN_BYTES = 256 * 1024
_FORSAKEN_SECONDS = 10.0
_log = logging.getLogger(__name__)


def frame(payload: str) -> bytes:
    """A length-prefixed chunk. The payload is ASCII, so bytes are the UTF-16 units that the length must count."""
    return f"{len(payload)}\n{payload}".encode("ascii")


class Channel:
    """A browser's channel to one Listen or Write session."""

    def __init__(self, sid: str, call: Call, stream: Stream) -> None:
        self.sid = sid
        self.closed = False
        self.last_id = 0
        self.wake = asyncio.Event()
        self.holder: object | None = None
        self.seen = time.monotonic()
        self.hang_up: Callable[[], None] | None = None
        self._stream = stream
        self._session = stream.session(call, self._answer)
        self._arrays: deque[tuple[int, str, bool]] = deque()
        self._buffered_bytes = 0
        self._told_bytes = 0
        self._asked = False
        self._room = asyncio.Event()
        self._sent_id = 0
        self._next_map = 0
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._worker = asyncio.create_task(self._work())

    def push(self, payload: str) -> None:
        """Queues one array for the browser; cuts the browser off when it has left too many unread."""
        self.last_id += 1
        text = f"[{self.last_id},{payload}]"
        self._arrays.append((self.last_id, text, self._asked))
        self._buffered_bytes += len(text)
        self._told_bytes += 0 if self._asked else len(text)
        self.wake.set()
        if self._told_bytes > MAX_UNREAD_BYTES:
            self._cut()
        elif self._told_bytes > _FORSAKEN_BYTES and self.forsaken:
            self._arrays.clear()
            self.close()

    @property
    def spent(self) -> bool:
        """Whether it is closed and has nothing left to tell."""
        return self.closed and not self._arrays

    @property
    def forsaken(self) -> bool:
        """Whether no browser has been here for a while: it has lost its line, and will open a new channel."""
        return self.holder is None and time.monotonic() - self.seen > _FORSAKEN_SECONDS

    def _cut(self) -> None:
        problem = too_slow("browser's", self._buffered_bytes)
        self._arrays.clear()
        self._buffered_bytes = self._told_bytes = 0
        self.fail(problem)
        if self.hang_up is not None:
            self.hang_up()

    def acknowledge(self, array_id: int) -> None:
        """Drops what the browser has seen; the rest is sent again to the next GET."""
        while self._arrays and self._arrays[0][0] <= array_id:
            _, text, asked = self._arrays.popleft()
            self._buffered_bytes -= len(text)
            self._told_bytes -= 0 if asked else len(text)
        if self._buffered_bytes <= MAX_UNREAD_BYTES:
            self._room.set()

    def rewind(self) -> None:
        """A new GET begins: everything that is not acknowledged goes out again."""
        self._sent_id = 0

    def take(self) -> list[str]:
        """The next arrays to send."""
        # Ids are consecutive, so the first unsent array is found by counting.
        start = max(self._sent_id + 1 - self._arrays[0][0], 0) if self._arrays else 0
        due: list[str] = []
        size = 0
        for number, text, _ in islice(self._arrays, start, start + _MAX_FRAME_ARRAYS):
            if due and size + len(text) > _FRAME_BYTES:
                break
            due.append(text)
            size += len(text)
            self._sent_id = number
        return due

    def status(self) -> str:
        """The answer to a POST: is a GET open, the last array's id, bytes not acknowledged."""
        return f"[{1 if self.holder else 0},{self.last_id},{self._buffered_bytes}]"

    def post(self, first: int, messages: list[dict[str, Any]]) -> None:
        """Takes messages in; those that were already taken are passed over."""
        for position, message in enumerate(messages, first):
            if position >= self._next_map:
                self._next_map = position + 1
                self._inbox.put_nowait(message)

    def fail(self, problem: FirestoreError) -> None:
        """Ends the stream with an error: never a bare close, the SDK would not know why."""
        if not self.closed:
            self.push(json.dumps([write_error(problem)]))
            self.push('["close"]')
            self.close()

    def close(self) -> None:
        """Lets go of the session; what is queued can still be fetched. Safe to call twice."""
        if not self.closed:
            self.closed = True
            self._session.close()
            self._worker.cancel()
            self.wake.set()

    @property
    def drained(self) -> bool:
        return not self._arrays or self._arrays[-1][0] <= self._sent_id

    def _answer(self, message: Any) -> None:
        if not self.closed:
            self.push(f"[{json.dumps(write_message(message), separators=(',', ':'))}]")

    async def _work(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                body = await self._inbox.get()
                try:
                    await self._receive(body)
                except FirestoreError as problem:
                    self.fail(problem)
                    return
                except Exception as problem:
                    _log.exception("A stream failed.")
                    self.fail(FirestoreError(Code.INTERNAL, f"{type(problem).__name__}: {problem}"))
                    return

    async def _receive(self, body: dict[str, Any]) -> None:
        """Handles one message; what it asks for goes out without a limit, and the next message waits for that."""
        self._asked = True
        try:
            await self._session.receive(read_message(self._stream.request, body, strict=False))
        finally:
            self._asked = False
        while self._buffered_bytes > MAX_UNREAD_BYTES:
            self._room.clear()
            await self._room.wait()

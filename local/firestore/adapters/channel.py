"""One WebChannel: numbered arrays that a browser fetches by a hanging GET, and messages that it posts.

Arrays are kept until the browser has acknowledged them (AID), so a lost connection loses nothing. Only the newest
GET counts. Messages are handled one after the other, each once, however often a POST is retried.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from itertools import islice
from typing import Any

from local.firestore.adapters.json_codec import read_json, read_message, write_error, write_message
from local.firestore.errors import Code, FirestoreError
from local.firestore.rpc.call import Call
from local.firestore.rpc.table import Stream

_MAX_FRAME_ARRAYS = 500
_MAX_BUFFERED = 250_000
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
        self._stream = stream
        self._session = stream.session(call, self._answer)
        self._arrays: deque[tuple[int, str]] = deque()
        self._buffered_bytes = 0
        self._sent_id = 0
        self._next_map = 0
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._worker = asyncio.create_task(self._work())

    def push(self, payload: str) -> None:
        """Queues one array for the browser."""
        if len(self._arrays) > _MAX_BUFFERED:
            self._arrays.clear()
            self.fail(FirestoreError(Code.RESOURCE_EXHAUSTED, "The channel is not being read."))
            return
        self.last_id += 1
        text = f"[{self.last_id},{payload}]"
        self._arrays.append((self.last_id, text))
        self._buffered_bytes += len(text)
        self.wake.set()

    def acknowledge(self, array_id: int) -> None:
        """Drops what the browser has seen; the rest is sent again to the next GET."""
        while self._arrays and self._arrays[0][0] <= array_id:
            self._buffered_bytes -= len(self._arrays.popleft()[1])

    def rewind(self) -> None:
        """A new GET begins: everything that is not acknowledged goes out again."""
        self._sent_id = 0

    def take(self) -> list[str]:
        """The next arrays to send."""
        # Ids are consecutive, so the first unsent array is found by counting.
        start = max(self._sent_id + 1 - self._arrays[0][0], 0) if self._arrays else 0
        due = list(islice(self._arrays, start, start + _MAX_FRAME_ARRAYS))
        if due:
            self._sent_id = due[-1][0]
        return [text for _, text in due]

    def status(self) -> str:
        """The answer to a POST: is a GET open, the last array's id, bytes not acknowledged."""
        return f"[{1 if self.holder else 0},{self.last_id},{self._buffered_bytes}]"

    def post(self, first: int, messages: list[str]) -> None:
        """Takes messages in; those that were already taken are passed over."""
        for position, text in enumerate(messages, first):
            if position >= self._next_map:
                self._next_map = position + 1
                self._inbox.put_nowait(read_json(text))

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
                    await self._session.receive(read_message(self._stream.request, body))
                except FirestoreError as problem:
                    self.fail(problem)
                    return
                except Exception as problem:
                    _log.exception("A stream failed.")
                    self.fail(FirestoreError(Code.INTERNAL, f"{type(problem).__name__}: {problem}"))
                    return

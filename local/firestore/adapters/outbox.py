"""What one stream has to say and its reader has not taken yet, bounded by bytes.

A client is owed what it asks for, however much that is: the documents of a target go in without a limit, and its next
request waits until they have gone out. What happens of itself, commits after commits, is kept for a slow reader up to a
limit; beyond it the reader is cut off, with a line in the log, and gets the rest again when it comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator

from local.firestore.errors import Code, FirestoreError

MAX_UNREAD_BYTES = 32 * 1024 * 1024
_log = logging.getLogger(__name__)


def too_slow(what: str, unread_bytes: int) -> FirestoreError:
    """The refusal for a reader that has left too much unread; says so in the log."""
    _log.warning("A %s stream was cut off: its client has left %d bytes unread.", what, unread_bytes)
    return FirestoreError(Code.RESOURCE_EXHAUSTED, "The stream is not being read.")


class Outbox:
    """The messages of one stream, as bytes, for one reader."""

    def __init__(self, what: str) -> None:
        self.on_cut: Callable[[], None] | None = None
        self._what = what
        self._waiting: deque[tuple[bytes, bool]] = deque()
        self._wake = asyncio.Event()
        self._taken = asyncio.Event()
        self._unread_bytes = 0
        self._told_bytes = 0
        self._asked = False
        self._ended = False
        self._problem: Exception | None = None

    @contextlib.contextmanager
    def asked(self) -> Iterator[None]:
        """What is put meanwhile is an answer to the client's request."""
        self._asked = True
        try:
            yield
        finally:
            self._asked = False

    async def room(self) -> None:
        """Waits until the reader has taken most of what is here."""
        while self._unread_bytes > MAX_UNREAD_BYTES and not self._ended:
            self._taken.clear()
            await self._taken.wait()

    def put(self, message: bytes) -> None:
        """Adds a message; cuts the stream off when too many were left unread."""
        if self._ended:
            return
        self._waiting.append((message, self._asked))
        self._unread_bytes += len(message)
        self._told_bytes += 0 if self._asked else len(message)
        self._wake.set()
        if self._told_bytes > MAX_UNREAD_BYTES:
            self._cut()

    def _cut(self) -> None:
        self._waiting.clear()
        self.end(too_slow(self._what, self._unread_bytes))
        if self.on_cut is not None:
            self.on_cut()

    def end(self, problem: Exception | None = None) -> None:
        """Ends the stream once what is here was read; the first end counts."""
        if not self._ended:
            self._ended, self._problem = True, problem
            self._wake.set()
            self._taken.set()

    @property
    def ended(self) -> bool:
        """Whether nothing that is put in now would be read any more."""
        return self._ended

    async def get(self) -> bytes | None:
        """The next message; None at the end; raises what ended the stream otherwise."""
        while not self._waiting:
            if self._problem is not None:
                raise self._problem
            if self._ended:
                return None
            self._wake.clear()
            await self._wake.wait()
        message, asked = self._waiting.popleft()
        self._unread_bytes -= len(message)
        self._told_bytes -= 0 if asked else len(message)
        self._taken.set()
        return message

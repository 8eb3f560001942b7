"""The database's clock: whole microseconds since 1970 that only grow.

A commit time is greater than every time handed out before, also after a restart (the newest one is kept on disk
with the commit), and also when the machine's clock steps back: clients silently drop what looks older.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wall_microseconds() -> int:
    return time.time_ns() // 1000


class Clock:
    """Hands out commit times and read times; one per server."""

    def __init__(self, newest: int = 0, wall: Callable[[], int] = wall_microseconds) -> None:
        self._wall = wall
        self._newest = newest

    def commit_time(self) -> int:
        """A time greater than all handed out so far."""
        self._newest = max(self._wall(), self._newest + 1)
        return self._newest

    def read_time(self) -> int:
        """Now; every later commit is newer."""
        self._newest = max(self._wall(), self._newest)
        return self._newest


def stamp(message: Any, microseconds: int) -> None:
    """Writes a time into a Timestamp message."""
    message.seconds, rest = divmod(microseconds, 1_000_000)
    message.nanos = rest * 1000


def microseconds_of(message: Any) -> int:
    """A Timestamp message as microseconds; what is finer is cut off, as the service does."""
    return int(message.seconds * 1_000_000 + message.nanos // 1000)


def as_datetime(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)

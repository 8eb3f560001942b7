"""How often one user may ask: so many times in so many seconds, counted in this process.

Only for what costs little and is told by pages by themselves. Memory is bounded by the users of the last seconds.
Threads may share it.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from sync.errors import TooManyRequests

SWEEP_FROM = 10_000


class Pace:
    """A limit per user."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit, self._seconds = limit, seconds
        self._taken: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def take(self, user_id: str) -> None:
        """Counts one call; raises TooManyRequests beyond the limit."""
        now = time.monotonic()
        with self._lock:
            if len(self._taken) >= SWEEP_FROM:
                self._taken = {user: times for user, times in self._taken.items() if times[-1] > now - self._seconds}
            times = self._taken.setdefault(user_id, deque(maxlen=self._limit))
            if len(times) == self._limit and times[0] > now - self._seconds:
                raise TooManyRequests
            times.append(now)

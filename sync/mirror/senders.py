"""The mirror's sending threads: work goes in by owner, outcomes come back through a queue and a socket that wakes.

Nothing is lost when a thread fails: what it raised becomes an unknown outcome, which makes the mirror read before it
writes again. Closing waits for what is under way; every call behind it has a deadline. Called by mirror.py.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

from sync import log
from sync.mirror.commits import Outcome


class Senders:
    """So many commits at a time; more wait in line."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="mirror-send")
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._log = log.get(__name__)

    def submit(self, owner: str, function: Callable[..., Outcome], *arguments: Any, **options: Any) -> None:
        """Runs the function in a thread; its outcome is among those of `collect` later."""

        def work() -> None:
            try:
                outcome = function(*arguments, **options)
            except Exception as error:
                self._log.exception("sender_failed", owner=owner)
                outcome = Outcome(owner, "unknown", reason=type(error).__name__)
            self._outcomes.put(outcome)
            self.wake()

        self._pool.submit(work)

    def collect(self) -> list[Outcome]:
        """Answers what has come back since the last call."""
        outcomes = []
        with contextlib.suppress(Empty):
            while True:
                outcomes.append(self._outcomes.get_nowait())
        return outcomes

    def wake(self) -> None:
        """Ends a wait. Safe from any thread and from a signal handler."""
        with contextlib.suppress(OSError):  # full: it is awake already; closed: it has ended
            self._waker.send(b"!")

    def wait(self, seconds: float, *others: int) -> None:
        """Waits until an outcome has come, somebody woke us, or another descriptor is readable."""
        readable, _, _ = select.select([self._woken.fileno(), *others], [], [], seconds)
        if self._woken.fileno() in readable:
            self._woken.recv(4096)

    def close(self) -> None:
        """Waits for what is under way."""
        self._pool.shutdown(wait=True)
        self._waker.close()
        self._woken.close()

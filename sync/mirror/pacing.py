"""How fast the mirror may go: per owner, per document, and for Firestore as a whole.

Pure over a monotonic clock that the caller hands in; kept in memory, since losing it costs a little speed and nothing
else. `Pace` holds an owner's aggregates to one write per interval, `backoff` spreads an owner's next try after a
failure, `Breaker` stops asking a Firestore that is down, `Lanes` narrows after a quota refusal, `Ramp` begins slowly
with a database that is not used to us. Called by shift.py, rounds.py and verdicts.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

_BACKOFF_FIRST, _BACKOFF_MOST = 0.2, 30.0
_PAUSE_MOST = 10.0
_FAILURES_TO_OPEN = 5
_SUCCESSES_TO_WIDEN = 20
_RAMP_FIRST, _RAMP_GROWTH, _RAMP_SECONDS = 500.0, 1.5, 300.0


def backoff(failures: int, *, first: float = _BACKOFF_FIRST, most: float = _BACKOFF_MOST) -> float:
    """Seconds to wait after that many failures in a row: exponential, with full jitter."""
    return random.uniform(0, min(most, first * 2 ** min(failures, 20)))  # noqa: S311


@dataclass
class Pace:
    """One write per `interval` seconds and aggregate (a head or a month): the first at once, the rest trails."""

    interval: float
    _written: dict[str, float] = field(default_factory=dict)

    def wait(self, path: str, update_time: datetime | None, now: float, wall: datetime) -> float:
        """Seconds until this aggregate may be written again; another mirror's write counts by its update time."""
        waits = 0.0
        if path in self._written:
            waits = self._written[path] + self.interval - now
        if update_time is not None:
            age = (wall - update_time).total_seconds()
            if 0 <= age < self.interval:
                waits = max(waits, self.interval - age)
        return max(0.0, waits)

    def wrote(self, paths: Iterable[str], now: float) -> None:
        """Remembers writes, and forgets those that no longer matter."""
        if self.interval <= 0:
            return
        if len(self._written) > 10_000:
            self._written = {path: at for path, at in self._written.items() if at + self.interval > now}
        self._written.update((path, now) for path in paths)


@dataclass
class Breaker:
    """Closed while Firestore answers; after failures in a row one try at a time, ever more seldom."""

    _failures: int = 0
    _until: float = 0.0

    def allows(self, now: float) -> bool:
        """Whether a commit may be tried."""
        return self._failures < _FAILURES_TO_OPEN or now >= self._until

    @property
    def open(self) -> bool:
        """Whether Firestore is held to be down."""
        return self._failures >= _FAILURES_TO_OPEN

    def retry_at(self) -> float:
        """When the next try may be made."""
        return self._until

    def failed(self, now: float) -> None:
        """Counts a failure that says nothing about one owner."""
        self._failures += 1
        if self.open:
            self._until = now + 0.2 + backoff(self._failures - _FAILURES_TO_OPEN, most=_PAUSE_MOST)

    def succeeded(self) -> None:
        """Any answer closes it."""
        self._failures = 0


@dataclass
class Lanes:
    """How many commits may be in flight: half as many after a quota refusal, one more after a run of successes."""

    most: int
    width: int = 0
    _successes: int = 0

    def __post_init__(self) -> None:
        self.width = self.most

    def exhausted(self) -> None:
        """Firestore asked to slow down."""
        self.width = max(1, self.width // 2)
        self._successes = 0

    def succeeded(self) -> None:
        """A commit went in."""
        self._successes += 1
        if self._successes >= _SUCCESSES_TO_WIDEN and self.width < self.most:
            self.width += 1
            self._successes = 0


@dataclass
class Ramp:
    """Firestore's 500/50/5: 500 writes per second at first, half as many again every five minutes.

    Counted from the first write of this process, and for it alone: N mirrors that begin at once begin with N times as
    many. A commit may be larger than what is free; the next one then waits until it is paid for.
    """

    on: bool
    _began: float | None = None
    _free_at: float = 0.0

    def rate(self, now: float) -> float:
        """Writes per second."""
        steps = 0 if self._began is None else int((now - self._began) / _RAMP_SECONDS)
        return _RAMP_FIRST * _RAMP_GROWTH ** min(steps, 50)

    def room(self, now: float, most: int) -> int:
        """How many writes one commit may have: about a second's."""
        return min(most, int(self.rate(now))) if self.on else most

    def free_at(self) -> float:
        """When the next commit may be begun."""
        return self._free_at

    def sent(self, writes: int, now: float) -> None:
        """Counts a commit."""
        if self.on:
            self._began = now if self._began is None else self._began
            self._free_at = max(self._free_at, now) + writes / self.rate(now)

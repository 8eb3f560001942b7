"""The stand-in's clock: the machine's, or a fixed day that only moves when it is told to.

With a fixed day all times are noon of that day plus what was added, so that answers are the same in every run. Either
may be moved forward, for good, and may run at another rate than the machine's: a day a minute, or not at all. Webhook
signatures use the machine's clock in any case: whoever verifies them looks at the real time.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta


class Clock:
    """Answers the time; `advance` moves it forward, `run_at` sets how many of its seconds a real one has."""

    def __init__(self, today: date | None = None, rate: float | None = None) -> None:
        self._fixed = today
        self._since = time.time()
        self._origin = datetime.fromtimestamp(self._since, UTC) if today is None else _noon(today)
        self._added = timedelta()
        self.rate = (0.0 if today else 1.0) if rate is None else rate

    def now(self) -> datetime:
        return self._origin + self._added + timedelta(seconds=self.rate * (time.time() - self._since))

    def today(self) -> date:
        return self.now().date()

    def advance(self, by: timedelta) -> None:
        self._added += by

    def run_at(self, rate: float) -> None:
        """From now on `rate` seconds of this clock pass in a second of the machine's; 0 stops it."""
        now, self._since = self.now(), time.time()
        self._added, self.rate = now - self._origin, rate

    def kept(self) -> str:
        """What to remember of it over a restart: the day it is fixed to, and the seconds it is ahead."""
        start = self._origin if self._fixed else datetime.fromtimestamp(time.time(), UTC)
        return f"{self._fixed or ''} {(self.now() - start).total_seconds():.0f}"

    def restore(self, kept: str) -> None:
        """Goes on from what `kept` told, unless it is now fixed to another day."""
        day, _, ahead = kept.rpartition(" ")
        if day == str(self._fixed or ""):
            self._added = timedelta(seconds=float(ahead))

    @staticmethod
    def machine_seconds() -> float:
        """Seconds since 1970 by the machine's clock: for signatures and for retries."""
        return time.time()


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)

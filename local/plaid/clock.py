"""The stand-in's clock: the machine's, or a fixed day that only moves when it is told to.

With a fixed day all times are noon of that day plus what was added, so that answers are the same in every run.
Webhook signatures use the machine's clock in any case: whoever verifies them looks at the real time.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta


class Clock:
    """Answers the time; `advance` moves it forward, for good."""

    def __init__(self, today: date | None = None) -> None:
        self._fixed = datetime(today.year, today.month, today.day, 12, tzinfo=UTC) if today else None
        self._added = timedelta()

    def now(self) -> datetime:
        return (self._fixed or datetime.now(UTC)) + self._added

    def today(self) -> date:
        return self.now().date()

    def advance(self, by: timedelta) -> None:
        self._added += by

    def is_fixed(self) -> bool:
        return self._fixed is not None

    @staticmethod
    def machine_seconds() -> float:
        """Seconds since 1970 by the machine's clock: for signatures and for retries."""
        return time.time()

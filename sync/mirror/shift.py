"""What the rooms of one mirror share: who waits, how fast it may go, who sends, who acknowledges, what
it costs, and the counts.

Made once per mirror; everything in it is touched by the mirror's own thread only, except where a room says otherwise
(senders.py, builders.py, acknowledger.py, meter.py). Called by mirror.py, rounds.py and verdicts.py.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from sync import log
from sync.deps import Deps
from sync.metrics import PACE
from sync.mirror.acknowledger import Acknowledger
from sync.mirror.builders import Builders
from sync.mirror.changes import Acknowledgement
from sync.mirror.commits import Outcome
from sync.mirror.doorbell import Ears
from sync.mirror.firestore import Firestore
from sync.mirror.meter import Meter
from sync.mirror.pacing import Breaker, Lanes, Pace, Ramp, backoff
from sync.mirror.rota import Course, Rota
from sync.mirror.senders import Senders
from sync.mirror.session import Session


class Shift:
    """The state of one mirror at work."""

    def __init__(self, deps: Deps) -> None:
        assert deps.firestore is not None
        settings = deps.settings
        self.deps = deps
        self.url = deps.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.firestore: Firestore = deps.firestore
        self.log = log.get("sync.mirror.mirror")
        self.senders = Senders(settings.mirror_concurrency)
        self.meter = Meter(settings)
        self.acknowledger = Acknowledger(self.url, self.senders.wake, self.meter)
        self.lanes, self.breaker = Lanes(settings.mirror_concurrency), Breaker()
        self.ramp = Ramp(settings.mirror_ramp)
        self.pace = Pace(settings.mirror_month_interval_seconds)
        self.rota = Rota()
        self.counts: Counter[str] = Counter()
        self.builders = Builders(self.url, self.senders.wake, deps, self.firestore.name)
        self.ears = Ears(settings.redis_url, self.senders.wake) if settings.mirror_doorbell == "redis" else None
        self._open: Session | None = None

    def tell(self) -> None:
        """Has the metrics page show how fast this mirror may go."""
        PACE.labels("lanes").set_function(lambda: self.lanes.width)
        PACE.labels("breaker").set_function(lambda: self.breaker.open)
        PACE.labels("ramp").set_function(lambda: self.ramp.rate(time.monotonic()) if self.ramp.on else 0.0)

    # --- the session: bells and locks ---

    @property
    def session(self) -> Session:
        """The open session; only between `connect` and `disconnect`."""
        assert self._open is not None
        return self._open

    def connect(self) -> None:
        """Opens a new session; raises one of CUT_OFF."""
        self.disconnect()
        self._open = Session(self.url)

    def disconnect(self) -> None:
        """Closes the session, and the locks with it. Twice is safe."""
        if self._open is not None:
            self._open.close()
            self._open = None
        self.rota.lose_locks()

    def release(self, owners: Iterable[str]) -> None:
        """Forgets owners and lets other mirrors take them."""
        locked = [owner for owner in owners if self.rota.leave(owner)]
        if locked and self._open is not None:
            self._open.release(locked)

    # --- an owner's way: sent, acknowledged, once more ---

    def submit(self, owner: str, function: Callable[..., Outcome], *arguments: Any, **options: Any) -> None:
        """Has a sender do this for the owner, who is under way until the outcome is judged."""
        self.rota.send(owner)
        self.senders.submit(owner, function, *arguments, **options)

    def settle(self, settled: Acknowledgement) -> None:
        """Has this acknowledged; the owner is under way until it is."""
        deleted = sum([shown.held.deleted for shown in settled.shown])
        self.counts["written"] += len(settled.shown) - deleted
        self.counts["deleted"] += deleted
        course = self.rota.course(settled.owner)
        course.failures, course.fresh, course.observed, course.notes = 0, False, {}, {}
        self.rota.close(settled.owner)
        self.acknowledger.put(settled)

    def check(self, owner: str) -> None:
        """Has the dirty flag of an owner without marks looked at."""
        self.rota.close(owner)
        self.acknowledger.check(owner)

    def again(self, owner: str, course: Course) -> None:
        """At once the first times; then slower, since mirrors that only refuse each other's commits help nobody."""
        course.failures += 1
        if course.failures <= 3:
            self.rota.again(owner)
        else:
            self.rota.postpone(owner, time.monotonic() + backoff(course.failures - 3))

    def fail(self, owner: str) -> None:
        """Later, with growing pauses."""
        course = self.rota.course(owner)
        course.failures += 1
        self.rota.postpone(owner, time.monotonic() + 0.05 + backoff(course.failures))

    def free(self) -> int:
        """Owners that may be taken; a Firestore that is held to be down is asked one at a time."""
        width = self.lanes.width
        places = 1 if self.breaker.open else width if width < self.lanes.most else 3 * width
        return max(0, places - len(self.rota.sent) - len(self.rota.building))

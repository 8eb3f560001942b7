"""Locks of one database: shared on what a transaction has read, exclusive on what is being committed.

Pessimistic, as the service is for its server clients: whoever commits waits until the readers of what it writes have
ended, first come, first served; a reader waits behind a waiting writer. Whoever closes a circle of waiting makes its
youngest member ABORTED, and nobody waits longer than the limit. Locks are for one event loop; while no transaction is
open nothing is ever waited for. Releasing twice is safe.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from local.firestore.errors import Code, FirestoreError

WAIT_SECONDS = 20.0
_LOOK_SECONDS = 1.0


class Holder:
    """Somebody who holds locks: a transaction, or one commit outside of any. The older wins a deadlock."""

    def __init__(self, began: float | None = None) -> None:
        self.began = time.monotonic() if began is None else began
        self.places: set[str] = set()


@dataclass(eq=False)
class _Wait:
    holder: Holder
    exclusive: bool
    granted: asyncio.Future[None]


@dataclass
class _Place:
    shared: set[Holder] = field(default_factory=set)
    exclusive: Holder | None = None
    queue: deque[_Wait] = field(default_factory=deque)

    def fits(self, holder: Holder, exclusive: bool) -> bool:
        """Whether those who hold it allow this."""
        if self.exclusive not in (None, holder):
            return False
        return not exclusive or self.shared <= {holder}

    def holds(self, holder: Holder, exclusive: bool) -> bool:
        return self.exclusive is holder or (not exclusive and holder in self.shared)

    def give(self, holder: Holder, exclusive: bool) -> None:
        if exclusive:
            self.exclusive = holder
            self.shared.discard(holder)
        else:
            self.shared.add(holder)

    def holders(self) -> Iterator[Holder]:
        yield from self.shared
        if self.exclusive is not None:
            yield self.exclusive

    def blockers(self, wait: _Wait) -> Iterator[Holder]:
        """Whom a waiting one waits for: holders, and those before it in the queue."""
        yield from (holder for holder in self.holders() if holder is not wait.holder)
        for other in self.queue:
            if other is wait:
                return
            yield other.holder


class Locks:
    """Who holds and who waits; `expire` is asked now and then to end what has been idle for too long."""

    def __init__(self, expire: Callable[[], None], wait_seconds: float = WAIT_SECONDS) -> None:
        self._expire = expire
        self._wait_seconds = wait_seconds
        self._places: dict[str, _Place] = {}

    @property
    def idle(self) -> bool:
        """Whether nobody holds anything."""
        return not self._places

    async def take(self, holder: Holder, paths: Iterable[str], *, exclusive: bool) -> None:
        """Locks documents, existing or not, waiting if need be; raises ABORTED. What was got is kept either way."""
        until = time.monotonic() + self._wait_seconds
        for path in sorted(set(paths)):
            place = self._places.setdefault(path, _Place())
            holder.places.add(path)
            if place.holds(holder, exclusive):
                continue
            upgrade = holder in place.shared
            if place.fits(holder, exclusive) and (upgrade or not place.queue):
                place.give(holder, exclusive)
            else:
                await self._wait(place, _Wait(holder, exclusive, asyncio.get_running_loop().create_future()), until)

    def release(self, holder: Holder) -> None:
        """Lets go of all that a holder has or waits for."""
        for path in holder.places:
            place = self._places.get(path)
            if place is None:
                continue
            place.shared.discard(holder)
            if place.exclusive is holder:
                place.exclusive = None
            for wait in [wait for wait in place.queue if wait.holder is holder]:
                _refuse(wait, "The transaction has ended.")
                place.queue.remove(wait)
            self._serve(path, place)
        holder.places = set()

    async def _wait(self, place: _Place, wait: _Wait, until: float) -> None:
        # Who holds a share already cannot wait behind those who wait for that share to go.
        if wait.holder in place.shared:
            place.queue.appendleft(wait)
        else:
            place.queue.append(wait)
        try:
            self._break_circle(wait)
            while not wait.granted.done():
                left = until - time.monotonic()
                if left <= 0:
                    raise _aborted("Transaction lock timeout.")
                await asyncio.wait([wait.granted], timeout=min(left, _LOOK_SECONDS))
                self._expire()
            wait.granted.result()
        finally:
            if wait in place.queue:
                place.queue.remove(wait)
                self._pump(place)

    def _serve(self, path: str, place: _Place) -> None:
        self._pump(place)
        if not place.queue and not any(True for _ in place.holders()):
            del self._places[path]

    @staticmethod
    def _pump(place: _Place) -> None:
        """Grants from the front of the queue as long as it fits."""
        while place.queue and place.fits(place.queue[0].holder, place.queue[0].exclusive):
            wait = place.queue.popleft()
            place.give(wait.holder, wait.exclusive)
            if not wait.granted.done():
                wait.granted.set_result(None)

    def _break_circle(self, wait: _Wait) -> None:
        """Aborts the youngest of a circle that this wait has closed."""
        while circle := self._circle(wait.holder):
            youngest = max(circle, key=lambda holder: holder.began)
            for place, other in self._waits():
                if other.holder is youngest:
                    place.queue.remove(other)
                    _refuse(other, "Too much contention on these documents. Please try again.")
            if youngest is wait.holder:
                return

    def _circle(self, start: Holder) -> list[Holder]:
        """Those who wait for one another in a circle through `start`; empty when there is none."""
        waits: dict[Holder, list[Holder]] = {}
        for place, wait in self._waits():
            waits.setdefault(wait.holder, []).extend(place.blockers(wait))
        path: list[Holder] = []
        seen: set[Holder] = set()

        def reach(holder: Holder) -> bool:
            path.append(holder)
            for other in waits.get(holder, ()):
                if other is start:
                    return True
                if other not in seen:
                    seen.add(other)
                    if reach(other):
                        return True
            path.pop()
            return False

        return path if reach(start) else []

    def _waits(self) -> list[tuple[_Place, _Wait]]:
        return [(place, wait) for place in self._places.values() for wait in place.queue]


def _refuse(wait: _Wait, text: str) -> None:
    if not wait.granted.done():
        wait.granted.set_exception(_aborted(text))
        wait.granted.exception()


def _aborted(text: str) -> FirestoreError:
    return FirestoreError(Code.ABORTED, text)

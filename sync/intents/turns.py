"""Whose turn it is: intents in memory, one user at a time, each user with as many as fit.

A turn is some intents of one user, in their devices' order; whoever takes it holds that user until `finish`. Users come
round in the order in which their turns ended, so a flood of one costs the others one turn. Of one user at most
`held` are kept; the rest is left in Firestore and fetched when those are done (`overflowed`). Safe to share between
threads. Nothing here is the truth: what a crash forgets is found in Firestore again. Called by intent_feed.py.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sync.intents.intent_envelope import Intent

TURN = 20
HELD = 500


@dataclass
class _User:
    """One user's intents: those that wait, those in somebody's hands, and from when on it is their turn."""

    waiting: dict[UUID, Intent] = field(default_factory=dict)
    in_hand: dict[UUID, Intent] = field(default_factory=dict)
    due: float = 0.0
    overflowed: bool = False


class Turns:
    """The intents that this process knows of."""

    def __init__(self, size: int = TURN, held: int = HELD, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._held, self._clock = size, held, clock
        self._users: OrderedDict[str, _User] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False

    def add(self, intent: Intent) -> None:
        """Notes an intent; one that is known already changes nothing."""
        with self._changed:
            user = self._users.setdefault(intent.user_id, _User())
            known = user.waiting.get(intent.id) or user.in_hand.get(intent.id)
            if known is not None and known.update_time == intent.update_time:
                return
            if len(user.waiting) >= self._held:
                user.overflowed = True
                return
            user.waiting[intent.id] = intent
            user.due = 0.0
            self._changed.notify()

    def overflow(self, user_id: str) -> None:
        """Notes that more of this user's lies in Firestore than was handed in."""
        with self._changed:
            if user_id in self._users:
                self._users[user_id].overflowed = True

    def take(self, seconds: float) -> list[Intent]:
        """Answers the next turn, of one user; empty when none came within `seconds` or all is over."""
        give_up = self._clock() + seconds
        with self._changed:
            while not self._closed:
                now = self._clock()
                name = next((n for n, user in self._users.items() if self._ready(user, now)), None)
                if name is not None:
                    return self._turn(name)
                if now >= give_up:
                    return []
                self._changed.wait(max(0.0, min(give_up, self._next_due(give_up)) - now))
            return []

    def take_rest(self, user_id: str) -> list[Intent]:
        """Adds all that is kept of the user whose turn it is to that turn, and answers it."""
        with self._changed:
            user = self._users[user_id]
            rest = list(user.waiting.values())
            user.in_hand |= user.waiting
            user.waiting.clear()
            return rest

    def finish(self, user_id: str, again: Sequence[Intent] = (), after: float = 0.0) -> bool:
        """Ends a turn; `again` are looked at once more, `after` seconds at the earliest unless something new comes.

        Answers whether more of this user's lies in Firestore than was kept, and nothing is left of what was.
        """
        with self._changed:
            user = self._users[user_id]
            news = bool(user.waiting)
            user.in_hand.clear()
            for intent in again:
                user.waiting.setdefault(intent.id, intent)
            user.due = 0.0 if news else self._clock() + after
            refill = user.overflowed and not user.waiting
            user.overflowed = user.overflowed and not refill
            self._users.move_to_end(user_id)
            if not user.waiting:
                del self._users[user_id]
            self._changed.notify()
            return refill

    def close(self) -> None:
        """Wakes everybody who waits for a turn; there will be none."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return sum(len(user.waiting) + len(user.in_hand) for user in self._users.values())

    def _ready(self, user: _User, now: float) -> bool:
        return bool(user.waiting) and not user.in_hand and user.due <= now

    def _next_due(self, latest: float) -> float:
        dues = (user.due for user in self._users.values() if user.waiting and not user.in_hand)
        return min(dues, default=latest)

    def _turn(self, name: str) -> list[Intent]:
        user = self._users[name]
        turn = sorted(user.waiting.values(), key=lambda intent: intent.place)[: self._size]
        for intent in turn:
            user.in_hand[intent.id] = user.waiting.pop(intent.id)
        return turn

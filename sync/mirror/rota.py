"""The rota: which owners wait for this mirror, which come back later, and which are under way.

Pure over a monotonic clock that the caller hands in. An owner is in one place at a time: waiting, due at a later time,
or under way (`building`, `sent` to Firestore, or `closing` in the
ledger). Nothing here is durable and nothing needs to be: the
marks are in the ledger, and whatever is forgotten is found by the sweep. Called by the rooms of the mirror.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from sync.mirror.changes import Held
from sync.mirror.claims import REQUEST_WRITES
from sync.mirror.plan import Note, Observed

_WAITING_MOST = 50_000


@dataclass(slots=True)
class Course:
    """What this mirror knows of one owner beyond its marks; losing it costs a refusal and a read.

    `observed` was read after a refusal, `unread` must be read before the next claim, `fresh` tells that the last
    refusal was for the content and has been followed by a read.
    """

    locked: bool = False
    observed: dict[str, Observed] = field(default_factory=dict)
    unread: dict[str, Held | None] = field(default_factory=dict)
    notes: dict[str, Note] = field(default_factory=dict)
    room: int = REQUEST_WRITES
    failures: int = 0
    busy: int = 0
    fresh: bool = False


class Rota:
    """The owners this mirror knows to be dirty."""

    def __init__(self) -> None:
        self.courses: dict[str, Course] = {}
        self.building: set[str] = set()
        self.sent: set[str] = set()
        self.closing: set[str] = set()
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._due: dict[str, float] = {}
        self._overdue: set[str] = set()
        self._rang_meanwhile: set[str] = set()

    def course(self, owner: str) -> Course:
        """The owner's course, begun if there is none."""
        return self.courses.setdefault(owner, Course())

    def add(self, owner: str, *, overdue: bool = False) -> None:
        """Queues an owner whose bell rang or whom the sweep found; for one under way the bell is remembered."""
        if overdue:
            self._overdue.add(owner)
        if self.is_under_way(owner):
            self._rang_meanwhile.add(owner)
        elif owner not in self._due and len(self._waiting) < _WAITING_MOST:
            self._waiting[owner] = None

    def send(self, owner: str) -> None:
        """The owner is with a sender: not to be taken."""
        self.sent.add(owner)

    def close(self, owner: str) -> None:
        """The owner is with the acknowledger: not to be taken."""
        self.closing.add(owner)

    def closed(self, owner: str) -> bool:
        """The owner came back; answers whether a bell rang, which may have been after its flag was cleared."""
        self.closing.discard(owner)
        rang = owner in self._rang_meanwhile
        self._rang_meanwhile.discard(owner)
        return rang

    def is_under_way(self, owner: str) -> bool:
        """Whether a commit, a read or an acknowledgement of the owner has not come back yet."""
        return owner in self.building or owner in self.sent or owner in self.closing

    def again(self, owner: str) -> None:
        """Queues an owner for the next round."""
        self._due.pop(owner, None)
        self._waiting[owner] = None

    def put_back(self, owners: Iterable[str]) -> None:
        """Queues owners that were picked and not taken, before everybody else."""
        for owner in reversed(list(owners)):
            self._waiting[owner] = None
            self._waiting.move_to_end(owner, last=False)

    def postpone(self, owner: str, until: float) -> None:
        """Lets an owner wait until then, whatever rings."""
        self._waiting.pop(owner, None)
        self._due[owner] = until

    def wake(self, now: float) -> None:
        """Queues the owners whose time has come."""
        for owner in [owner for owner, at in self._due.items() if at <= now]:
            self.again(owner)

    def next_due(self) -> float | None:
        """When the next postponed owner comes back."""
        return min(self._due.values(), default=None)

    def pick(self, most: int) -> list[str]:
        """Takes owners off the queue, the longest waiting first."""
        picked = [owner for owner, _ in zip(self._waiting, range(most), strict=False)]
        for owner in picked:
            del self._waiting[owner]
        return picked

    def is_overdue(self, owner: str) -> bool:
        """Whether the sweep found the owner dirty for too long: then it is taken without its lock."""
        return owner in self._overdue

    def leave(self, owner: str) -> bool:
        """Forgets an owner; answers whether its lock has to be released."""
        self._overdue.discard(owner)
        course = self.courses.pop(owner, None)
        return course is not None and course.locked

    def lose_locks(self) -> None:
        """The session is gone, and its advisory locks with it."""
        for course in self.courses.values():
            course.locked = False

    @property
    def waiting(self) -> bool:
        """Whether an owner could be taken now."""
        return bool(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether nothing waits, is due or is under way."""
        return not (self._waiting or self._due or self.building or self.sent or self.closing)

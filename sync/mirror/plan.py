"""From a claim to one commit: which documents are written, created or deleted, each under which precondition.

Pure, and the place where "never older over newer" is decided (docs/consistency.md, rules 2.1 to 2.5 and 5):
every write requires the update time last seen, or that nothing is there; a claimed document that exists is always
written; a commit that creates something, or acknowledges a document that is absent, writes the owner's head as well,
under the head's update time, never twice alike; without a head, the head is created first and alone. A head that was
found moved is only moved on by who has read every marked document since: its last mover may have died unacknowledged.
The model check of tests/unit/mirror walks this very function. Called by mirror.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sync.mirror.asked import Documents
from sync.mirror.changes import UNDER_SHAPE_1, Acknowledgement, Held, Marked, OwnerRow, Parked, Shown, Under, Version
from sync.mirror.documents import Document, Unshowable, stand_in, versioned
from sync.mirror.encode import Unencodable, delete_write, digest, encode, guarded, nameable
from sync.mirror.wire import Fields


class Observed(NamedTuple):
    """What a read after a refusal found, the mirror state that it refutes, and Firestore's time before the read."""

    update_time: datetime | None
    digest: bytes | None
    version: Version | None
    refuted: Held | None
    since: datetime


class Note(NamedTuple):
    """Firestore refused this version of a document for its content; unwritable: its stand-in as well."""

    version: Version
    code: str
    message: str
    unwritable: bool = False


@dataclass(slots=True)
class Claim:
    """Marks of one owner and the documents of the same snapshot.

    `unfinished` are marked months that this commit does not finish: they are written as incomplete and not
    acknowledged; those in `begun` even if they are new. `left` are all marks of the owner that are not claimed.
    `under` tells which shapes live: with two of them, a mark stands here once for each of its documents.
    """

    owner: OwnerRow
    marks: dict[str, Marked]
    documents: Documents
    unfinished: dict[str, Marked] = field(default_factory=dict)
    begun: frozenset[str] = frozenset()
    left: dict[str, Marked] = field(default_factory=dict)
    under: Under = UNDER_SHAPE_1

    def held(self, path: str) -> Held | None:
        """What mirror state says about a path of this claim."""
        if path == self.owner.owner:
            return self.owner.head
        marked = self.marks.get(path) or self.left.get(path)
        return None if marked is None else marked.held

    def touched(self) -> dict[str, Held | None]:
        """Every path a commit of this claim may touch, the head first, with what mirror state says of it."""
        return self._known([*self.marks, *self.unfinished])

    def marked(self) -> dict[str, Held | None]:
        """Every marked path, the head first, with what mirror state says of it."""
        return self._known([*self.marks, *self.left])

    def _known(self, paths: list[str]) -> dict[str, Held | None]:
        return {path: self.held(path) for path in [self.owner.owner, *paths] if nameable(path)}


class Write(NamedTuple):
    """One write; digest and content None = a deletion; `claimed` = its mark is acknowledged with it."""

    path: str
    request: bytes
    digest: bytes | None
    version: Version
    claimed: bool
    content: Mapping[str, Any] | None


@dataclass(slots=True)
class Plan:
    """One owner's commit, and what may be acknowledged once it is in; without writes, at once.

    With `unread` there is no commit: these paths have to be read first, and the owner claimed again.
    """

    owner: str
    writes: list[Write]
    settled: Acknowledgement
    unread: dict[str, Held | None] = field(default_factory=dict)

    def size(self) -> int:
        """Bytes of the request, nearly."""
        return sum([len(write.request) + 8 for write in self.writes])


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes each head write unlike any other: the moment, and a random name for the commit."""

    now: datetime
    commit: str


class _Basis(NamedTuple):
    update_time: datetime | None
    digest: bytes | None
    read: bool


def make_plan(
    claim: Claim,
    observed: Mapping[str, Observed],
    notes: Mapping[str, Note],
    stamp: Stamp,
    name_of: Callable[[str], str],
) -> Plan:
    """Decides the writes of a claim; what the read after a refusal found equal is adopted without a write."""
    return _Planner(claim, observed, notes, stamp, name_of).plan()


def settle(plan: Plan, commit_time: datetime, update_times: list[datetime | None]) -> Acknowledgement:
    """Answers what a successful commit settles."""
    done = plan.settled
    done.writes = plan.writes
    for write, update_time in zip(plan.writes, update_times, strict=True):
        gone = write.digest is None
        moment = commit_time if gone or update_time is None else update_time
        done.shown.append(Shown(write.path, Held(moment, gone, write.digest, write.version)))
        if write.claimed:
            done.marks.append((write.path, write.version))
    return done


class _Planner:
    def __init__(
        self,
        claim: Claim,
        observed: Mapping[str, Observed],
        notes: Mapping[str, Note],
        stamp: Stamp,
        name_of: Callable[[str], str],
    ) -> None:
        self.claim, self.observed, self.notes, self.stamp, self.name_of = claim, observed, notes, stamp, name_of
        self.owner = claim.owner.owner
        self.writes: list[Write] = []
        self.settled = Acknowledgement(self.owner, under=claim.under)
        self.needs_head = False
        self.left = min((marked.mark.version for marked in claim.left.values()), default=None)
        self.marked_at = max((marked.mark.marked_at for marked in claim.marks.values()), default=stamp.now)

    def plan(self) -> Plan:
        if not nameable(self.owner):
            for path, marked in self.claim.marks.items():
                self._unnameable(path, marked.mark.version)
        elif self.claim.owner.exists and self._basis(self.owner).update_time is None:
            self._head_alone()
        else:
            for path, marked in self.claim.marks.items():
                if path != self.owner:
                    self._document(path, marked.mark.version)
            for path, marked in self.claim.unfinished.items():
                self._unfinished(path, marked.mark.version)
            self._head_if_needed()
        if self._moves_on_from_a_strangers_head():
            if any(path not in self.observed for path in self.claim.marked()):
                return Plan(self.owner, [], Acknowledgement(self.owner), self.claim.marked())
            self._remember_what_was_read()
        return Plan(self.owner, self.writes, self.settled)

    def _basis(self, path: str) -> _Basis:
        """What the write is based on: the newer of what was read and what mirror state says."""
        held = self.claim.held(path)
        seen = self.observed.get(path)
        if seen is not None and (held is None or seen.refuted == held or held.update_time <= seen.since):
            return _Basis(seen.update_time, seen.digest, read=True)
        if held is None or held.deleted:
            return _Basis(None, None, read=False)
        return _Basis(held.update_time, held.digest, read=False)

    def _document(self, path: str, version: Version) -> None:
        content = self.claim.documents.get(path)
        if not nameable(path):
            self._unnameable(path, version)
            return
        if content is None:
            self._absent(path, version)
            return
        self._show(path, version, content)

    def _show(self, path: str, version: Version, content: Document | Unshowable) -> None:
        encoded = self._encoded(path, version, content)
        if encoded is None:
            self.settled.marks.append((path, version))
            return
        basis, seen = self._basis(path), digest(encoded, path)
        if not self._adopted(path, version, basis, seen):
            self._put(path, version, encoded, seen, basis.update_time, claimed=True)

    def _unnameable(self, path: str, version: Version) -> None:
        """No commit can ever have had a document of this name: nothing has to be guarded or deleted."""
        self.settled.marks.append((path, version))
        if path in self.claim.documents:
            self.settled.parked.append(Parked(path, version, "unnameable", "Firestore allows no document of this name"))

    def _absent(self, path: str, version: Version) -> None:
        """A claimed document that is gone or never was: only a commit that moves the head may acknowledge it."""
        update_time = self._basis(path).update_time
        self.needs_head = True
        self._unpark(path)
        if update_time is None:
            self.settled.marks.append((path, version))
            self._remember_absence(path, version)
        else:
            request = delete_write(self.name_of(path), update_time)
            self.writes.append(Write(path, request, None, version, True, None))

    def _remember_absence(self, path: str, version: Version) -> None:
        """Somebody else's commit has deleted it: once its mark is gone, mirror state must not say that it is there.

        As of the time before the read: what anybody makes there later is newer (rule 4.1).
        """
        held = self.claim.held(path)
        if held is not None and not held.deleted:
            self.settled.shown.append(Shown(path, Held(self.observed[path].since, True, None, version)))

    def _unfinished(self, path: str, version: Version) -> None:
        content = self.claim.documents.get(path)
        basis = self._basis(path)
        unknown = basis.update_time is None and path not in self.claim.begun
        if content is None or isinstance(content, Unshowable) or unknown:
            return
        encoded = self._encoded(path, version, {**content, "complete": False}, parks=False)
        if encoded is not None and (seen := digest(encoded, path)) != basis.digest:
            self._put(path, version, encoded, seen, basis.update_time, claimed=False)

    def _put(
        self, path: str, version: Version, encoded: Fields, seen: bytes, update_time: datetime | None, *, claimed: bool
    ) -> None:
        self.needs_head = self.needs_head or (update_time is None and path != self.owner)
        request = guarded(encoded, self.name_of(path), update_time)
        self.writes.append(Write(path, request, seen, version, claimed, encoded.content))

    def _adopted(self, path: str, version: Version, basis: _Basis, seen: bytes) -> bool:
        """What was read is what would be written, and is newer than what was known: no write is needed."""
        if not (basis.read and basis.digest == seen):
            return False
        held = self.claim.held(path)
        if basis.update_time is None or not (held is None or basis.update_time > held.update_time):
            return False
        self.settled.shown.append(Shown(path, Held(basis.update_time, False, basis.digest, version)))
        self.settled.marks.append((path, version))
        return True

    # --- what is known of documents that this commit does not write ---

    def _moves_on_from_a_strangers_head(self) -> bool:
        """Whether mirror state will skip a commit that nobody acknowledged: it may have made or deleted what is marked.

        Once the head of mirror state is newer than that commit, no refusal would ever tell of it.
        """
        basis, head = self._basis(self.owner), self.claim.owner.head
        known = None if head is None or head.deleted else head.update_time
        moves = [write.path for write in self.writes] + [shown.path for shown in self.settled.shown]
        return basis.read and basis.update_time != known and self.owner in moves

    def _remember_what_was_read(self) -> None:
        settled = {write.path for write in self.writes} | {shown.path for shown in self.settled.shown}
        for path in self.claim.marked().keys() - settled:
            basis, seen = self._basis(path), self.observed[path]
            if basis.read and basis.update_time is not None:
                held = Held(basis.update_time, False, basis.digest, seen.version or Version(0, 0))
                self.settled.shown.append(Shown(path, held))

    # --- the head ---

    def _head_alone(self) -> None:
        """The first commit of an owner: whatever else is claimed waits for the next, which this head will guard."""
        others = [marked.mark.version for path, marked in self.claim.marks.items() if path != self.owner]
        self.left = min([*others, *([self.left] if self.left else [])], default=None)
        self.settled.under = self.settled.under._replace(turn=None)
        self._head(claimed=self.owner in self.claim.marks)

    def _head_if_needed(self) -> None:
        claimed = self.claim.marks.get(self.owner)
        if not self.claim.owner.exists:
            self._head_gone()
        elif self.needs_head or self.settled.under.turn is not None:
            self._head(claimed=claimed is not None)
        elif claimed is not None:
            self._show(self.owner, claimed.mark.version, self._head_content())

    def _head(self, *, claimed: bool) -> None:
        version = self._head_version()
        encoded = self._encoded(self.owner, version, self._head_content(), parks=claimed)
        if encoded is not None:
            update_time = self._basis(self.owner).update_time
            self._put(self.owner, version, encoded, digest(encoded, self.owner), update_time, claimed=claimed)
        elif claimed:
            self.settled.marks.append((self.owner, version))

    def _head_gone(self) -> None:
        """The user is no longer in the ledger: the head goes with, or after, everything else."""
        claimed = self.claim.marks.get(self.owner)
        if claimed is None:
            return
        update_time = self._basis(self.owner).update_time
        if update_time is None:
            self.settled.marks.append((self.owner, claimed.mark.version))
        else:
            request = delete_write(self.name_of(self.owner), update_time)
            self.writes.append(Write(self.owner, request, None, claimed.mark.version, True, None))

    def _head_version(self) -> Version:
        claimed = self.claim.marks.get(self.owner)
        if claimed is not None:
            return claimed.mark.version
        head = self.claim.owner.head
        return self.claim.owner.counter if head is None else head.version

    def _head_content(self) -> Document | Unshowable:
        content = self.claim.documents[self.owner]
        return content if isinstance(content, Unshowable) else {**content, **self._head_stamp()}

    def _head_stamp(self) -> Document:
        counter, left = self.claim.owner.counter, self.left
        reached = counter if left is None else Version(left.epoch, left.number - 1)
        return {
            "mirrorHead": {"epoch": reached.epoch, "number": reached.number},
            "mirroredAt": self.stamp.now,
            "commit": self.stamp.commit,
        }

    # --- content ---

    def _encoded(
        self, path: str, version: Version, content: Document | Unshowable, *, parks: bool = True
    ) -> Fields | None:
        """Encodes the document, or what stands in for one that cannot be shown; None if not even that is accepted."""
        parked = self._parked_at(path)
        note = self._note(path, version, parked)
        reason: tuple[str, str] | None = None
        if isinstance(content, Unshowable):
            reason = ("unbuildable", content.reason)
        elif note is None:
            try:
                encoded = encode(self._stamped(path, version, content))
            except Unencodable as error:
                reason = ("unencodable", str(error))
            else:
                if parks and parked is not None:
                    self.settled.unparked.append(path)
                return encoded
        if note is not None and parked != version:
            reason = (note.code, note.message)
        if reason is not None and parks:
            self.settled.parked.append(Parked(path, version, reason[0], reason[1][:1000]))
        return None if note is not None and note.unwritable else encode(self._stand_in(path, version, content))

    def _note(self, path: str, version: Version, parked: Version | None) -> Note | None:
        note = self.notes.get(path)
        if note is not None and note.version == version:
            return note
        return Note(version, "", "") if parked == version else None

    def _parked_at(self, path: str) -> Version | None:
        if path == self.owner:
            return self.claim.owner.head_parked
        marked = self.claim.marks.get(path) or self.claim.left.get(path)
        return None if marked is None else marked.parked

    def _unpark(self, path: str) -> None:
        if self._parked_at(path) is not None:
            self.settled.unparked.append(path)

    def _stamped(self, path: str, version: Version, content: Document) -> Document:
        document = versioned(version, content)
        if "complete" in content:
            document["reflectsAt"] = self.marked_at
        return document

    def _stand_in(self, path: str, version: Version, content: Document | Unshowable) -> Document:
        document = stand_in(path, version, content, self.claim.owner)
        return {**document, **self._head_stamp()} if path == self.owner else document

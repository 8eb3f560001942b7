"""One owner's commit on its way to Firestore, and what to make of the answer.

Runs in the mirror's sending threads and touches no database. A refusal is followed by a read of every document of the
claim and of the head; what was read counts for the next claim only, which is made after it (docs/consistency.md,
rule 2.2). An answer that never came leaves the paths to be read before the owner is claimed again. A commit refused
for its content twice, the second time after such a read, is narrowed to the documents at fault by commits that cannot
succeed: nothing is ever applied in parts. Called by mirror.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sync.errors import FirestoreDenied, FirestoreError, FirestorePoison, FirestoreQuota, FirestoreRefused
from sync.mirror.changes import Acknowledgement, Held
from sync.mirror.encode import delete_write, digest, get_time, version_of
from sync.mirror.firestore import Firestore
from sync.mirror.plan import Claim, Note, Observed, Plan, Write, settle
from sync.steps import step

Kind = Literal["settled", "read", "content", "too-large", "unknown", "quota", "denied"]

_NEVER = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


@dataclass(slots=True)
class Outcome:
    """What became of one commit, or of one read.

    settled: it is in. read: refused, and `observed` says what is there. content, too-large: Firestore will never take
    it as it is. unknown: it may be in, or come in later; `unread` must be read first. quota, denied: not applied.
    """

    owner: str
    kind: Kind
    settled: Acknowledgement | None = None
    observed: dict[str, Observed] = field(default_factory=dict)
    unread: dict[str, Held | None] = field(default_factory=dict)
    notes: dict[str, Note] = field(default_factory=dict)
    drifted: list[str] = field(default_factory=list)
    invalid: bool = False
    reason: str = ""


def send(firestore: Firestore, claim: Claim, plan: Plan, *, fresh: bool, stood_in: frozenset[str]) -> Outcome:
    """Commits once. `fresh`: the claim followed a read after a refusal; `stood_in`: paths already replaced."""
    sent_at = datetime.now(UTC)
    try:
        committed = firestore.commit([write.request for write in plan.writes])
    except FirestorePoison as error:
        if fresh:
            return _narrow(firestore, plan, claim.touched(), error, stood_in)
        outcome = look(firestore, plan.owner, claim.touched())
        outcome.invalid = True
        return outcome
    except FirestoreRefused:
        return look(firestore, plan.owner, claim.touched())
    except FirestoreError as error:
        return _failed(plan.owner, claim.touched(), error)
    if plan.settled.way is not None:
        plan.settled.way.sent_at, plan.settled.way.committed_at = sent_at, datetime.now(UTC)
    step("mirror:committed")
    return Outcome(plan.owner, "settled", settled=settle(plan, committed.commit_time, committed.update_times))


def look(firestore: Firestore, owner: str, held: Mapping[str, Held | None]) -> Outcome:
    """Reads what is there at these paths, and tells which of it is drift: not ours, by anybody's hand.

    The head is read first: what is known of the others is then at least as new as the head.
    """
    try:
        since = firestore.clock()
        found = firestore.read([owner])
        found |= firestore.read(path for path in held if path != owner)
    except FirestoreError as error:
        return _failed(owner, held, error)
    outcome = Outcome(owner, "read")
    for path, refuted in held.items():
        document = found.get(path)
        moment = None if document is None else get_time(document.update_time)
        seen = None if document is None else digest(document, path)
        version = None if document is None else version_of(document)
        outcome.observed[path] = Observed(moment, seen, version, refuted, since)
    head, known = outcome.observed.get(owner), held.get(owner)
    moved = head is None or known is None or head.update_time != known.update_time
    outcome.drifted = [
        path
        for path, refuted in held.items()
        if _is_drift(outcome.observed[path], found.get(path), refuted, is_head=path == owner, head_moved=moved)
    ]
    return outcome


def _is_drift(seen: Observed, document: Any | None, held: Held | None, *, is_head: bool, head_moved: bool) -> bool:
    """Every creation and deletion of ours moves the head; every other write of ours raises the version."""
    if held is None or held.deleted or document is None:
        as_known = (document is None) == (held is None or held.deleted)
        return not as_known and (document is None if is_head else not head_moved)
    if seen.update_time == held.update_time:
        return False
    version = version_of(document)
    if version is None or version < held.version:
        return True
    return version == held.version and held.digest is not None and seen.digest != held.digest


def _failed(owner: str, held: Mapping[str, Held | None], error: FirestoreError) -> Outcome:
    if isinstance(error, FirestoreQuota):
        return Outcome(owner, "quota", reason=error.detail)
    if isinstance(error, FirestoreDenied):
        return Outcome(owner, "denied", reason=error.detail)
    return Outcome(owner, "unknown", unread=dict(held), reason=error.detail)


# --- narrowing ---


def _narrow(
    firestore: Firestore,
    plan: Plan,
    held: Mapping[str, Held | None],
    error: FirestorePoison,
    stood_in: frozenset[str],
) -> Outcome:
    try:
        culprits = _culprits(firestore, plan.owner, plan.writes)
    except FirestoreError as other:
        return _failed(plan.owner, held, other)
    if not culprits:
        return Outcome(plan.owner, "too-large", reason=error.detail)
    notes = {
        write.path: Note(write.version, "invalid-argument", reason.detail, write.path in stood_in)
        for write, reason in culprits
    }
    return Outcome(plan.owner, "content", notes=notes, reason=error.detail)


def _culprits(firestore: Firestore, owner: str, writes: list[Write]) -> list[tuple[Write, FirestorePoison]]:
    """Finds the writes that are refused on their own, halving."""
    reason = _refusal(firestore, owner, writes)
    if reason is None:
        return []
    if len(writes) == 1:
        return [(writes[0], reason)]
    middle = len(writes) // 2
    return _culprits(firestore, owner, writes[:middle]) + _culprits(firestore, owner, writes[middle:])


def _refusal(firestore: Firestore, owner: str, writes: list[Write]) -> FirestorePoison | None:
    """Tries writes in a commit whose last write can never hold: content is judged, nothing is applied."""
    tripwire = delete_write(firestore.name(f"{owner}/tripwire/none"), _NEVER)
    try:
        firestore.commit([*(write.request for write in writes), tripwire])
    except FirestorePoison as error:
        return error
    except FirestoreRefused:
        return None
    raise AssertionError("a commit with a precondition that cannot hold was accepted")

"""Compares Firestore with what the ledger says should be there; changes nothing.

Firestore is read first, collection by collection, so that unknown documents are found; then one snapshot of mirror
state, marks and projection. A marked document is not judged: the mirror is about to write it. Neither is one whose
recorded update time is newer than the one read. What differs is drift. Mending is the mirror's work: a later command
will mark what is found here. Called by the operator's command line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sync.changes import Cursor, Held, OwnerRow, Version, read_mirror_state, read_owners, read_parked
from sync.deps import Deps
from sync.documents import Document, Unshowable, stand_in, versioned
from sync.encode import Unencodable, digest, encode, get_time, nameable, version_of
from sync.firestore import Firestore
from sync.projection import candidates, project
from sync.session import connect

# Written by clients, or by later parts of the product: no projection of the ledger.
_NOT_OURS = frozenset({"intents", "receipts"})


@dataclass
class Comparison:
    """One user's documents: how many agree, and the paths of those that do not."""

    owner: str
    documents: int = 0
    equal: int = 0
    missing: list[str] = field(default_factory=list)
    ghosts: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)
    ledger_digest: str = ""
    mirror_digest: str = ""

    def as_json(self) -> dict[str, Any]:
        """The comparison with the names of the command line's JSON."""
        return {
            "user": self.owner.removeprefix("users/"), "documents": self.documents, "equal": self.equal,
            "missing": self.missing, "ghosts": self.ghosts, "different": self.different,
            "notJudged": self.not_judged, "digest": {"ledger": self.ledger_digest, "mirror": self.mirror_digest},
        }  # fmt: skip


def verify(deps: Deps, user_id: str | None = None) -> dict[str, Any]:
    """Compares one user, or all that the ledger or Firestore knows. Raises FirestoreError."""
    firestore = deps.firestore
    assert firestore is not None
    connection = connect(deps.engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        owners = [f"users/{user_id}"] if user_id else _owners(connection, firestore)
        compared = []
        for owner in owners:
            found, since = _read(firestore, owner)
            with connection, connection.cursor() as cursor:
                compared.append(_compare(cursor, owner, found, since))
    finally:
        connection.close()
    return _report(compared)


def _report(compared: list[Comparison]) -> dict[str, Any]:
    totals = {
        "documents": sum(one.documents for one in compared), "missing": sum(len(one.missing) for one in compared),
        "ghosts": sum(len(one.ghosts) for one in compared), "different": sum(len(one.different) for one in compared),
        "notJudged": sum(len(one.not_judged) for one in compared),
    }  # fmt: skip
    equal = not any(totals[kind] for kind in ("missing", "ghosts", "different", "notJudged"))
    return {"equal": equal, "users": len(compared), **totals, "perUser": [one.as_json() for one in compared]}


def _owners(connection: Any, firestore: Firestore) -> list[str]:
    with connection, connection.cursor() as cursor:
        cursor.execute("select owner from owners where owner like 'users/%'")
        known = {owner for (owner,) in cursor.fetchall()}
    return sorted(known | {firestore.path(document.name) for document in firestore.documents("", "users")})


def _read(firestore: Firestore, owner: str) -> tuple[dict[str, Any], datetime]:
    """Everything below an owner, and the time since which it may have changed."""
    since = firestore.clock()
    found = {path: document for path, document in firestore.read([owner]).items() if document is not None}
    for collection in firestore.collections(owner):
        if collection not in _NOT_OURS:
            for document in firestore.documents(owner, collection):
                found[firestore.path(document.name)] = document
    return found, since


def _compare(cursor: Cursor, owner: str, found: Mapping[str, Any], since: datetime) -> Comparison:
    rows = {row.owner: row for row in read_owners(cursor, [owner])}
    states, marked = read_mirror_state(cursor, owner)
    parked = read_parked(cursor, owner)
    expected = {} if owner not in rows else project(cursor, _all(cursor, owner, found, states), rows)
    comparison = Comparison(owner, documents=len(found))
    digests: tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]] = ([], [])
    for path in sorted({*expected, *found}):
        document, state = found.get(path), states.get(path)
        if path in marked or _newer(state, document, since):
            comparison.not_judged.append(path)
            continue
        there = None if document is None else digest(document, path)
        wanted = None
        if path in expected and nameable(path):
            version = _version(state, document)
            wanted = _digest(path, version, expected[path], rows[owner], parked.get(path) == version)
        _judge(comparison, path, wanted, there)
        for side, value in zip(digests, (wanted, there), strict=True):
            side.extend([(path, value)] if value is not None else [])
    comparison.ledger_digest, comparison.mirror_digest = (_total(side) for side in digests)
    return comparison


def _all(cursor: Cursor, owner: str, *known: Iterable[str]) -> set[str]:
    paths = candidates(cursor, [owner.removeprefix("users/")])
    return paths.union(path for part in known for path in part if path == owner or path.startswith(f"{owner}/"))


def _newer(state: Held | None, document: Any | None, since: datetime) -> bool:
    """Whether the mirror has written since we read."""
    if state is None:
        return False
    return state.update_time > (since if document is None else max(since, get_time(document.update_time)))


def _version(state: Held | None, document: Any | None) -> Version:
    if state is not None and not state.deleted:
        return state.version
    return (None if document is None else version_of(document)) or Version(0, 0)


def _digest(path: str, version: Version, content: Document | Unshowable, owner: OwnerRow, parked: bool) -> bytes:
    if not parked and not isinstance(content, Unshowable):
        try:
            return digest(encode(versioned(version, content)), path)
        except Unencodable:
            pass
    return digest(encode(stand_in(path, version, content, owner)), path)


def _judge(comparison: Comparison, path: str, wanted: bytes | None, there: bytes | None) -> None:
    if wanted == there:
        comparison.equal += 1
    elif there is None:
        comparison.missing.append(path)
    elif wanted is None:
        comparison.ghosts.append(path)
    else:
        comparison.different.append(path)


def _total(digests: list[tuple[str, bytes]]) -> str:
    total = hashlib.blake2b(digest_size=16)
    for path, value in digests:
        total.update(path.encode() + b"\0" + value)
    return total.hexdigest()

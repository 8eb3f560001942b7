"""What a mirror of the model sends: the product's own `make_plan`, `spread` and `pointer`, over one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import pytest
from google.cloud.firestore_v1.types import write as write_types

from sync.mirror.changes import UNDER_SHAPE_1, Held, Live, Mark, Marked, OwnerRow, Under, Version
from sync.mirror.encode import get_time
from sync.mirror.plan import Claim, Observed, Stamp, make_plan
from sync.paths import edition_of
from sync.shapes import shapes
from sync.shapes.shapes import SHAPE_1, Asked, Layout, Living, Shape, spread
from sync.shapes.shapes import SHAPES as KNOWN
from tests.unit.mirror.model_world import HEAD, ONE, TWO, Commit, Doc, Flaws, Put, Seen, State, contents_of

WritePb = write_types.Write.pb()

# Shape 2 has categories of its own. Nobody reads them here: documents are made below.
SHAPE_2 = Shape(2, {**SHAPE_1.layouts, "categories": Layout(2, SHAPE_1.layouts["categories"].read)})
SHAPES = {**KNOWN, 2: SHAPE_2}
_START = datetime(2026, 1, 1, tzinfo=UTC)


class Claimed(NamedTuple):
    """What one snapshot says, as far as a claim depends on it."""

    contents: tuple[str | None, ...]
    marks: tuple[tuple[str, int], ...]
    claimed: tuple[str, ...]
    held: tuple[tuple[str, Doc], ...]
    number: int
    exists: bool
    live: Live
    noted: tuple[int, int] | None


def claimed(state: State, part: tuple[str, ...]) -> Claimed:
    """What the snapshot of a claim of these marks says."""
    exists = state.gone in ("", "rows")
    life = state.life
    return Claimed(
        contents_of(state), state.marks, part, state.held, state.number, exists, life.live, life.noted
    )  # fmt: skip


@cache
def planned(snapshot: Claimed, seen: Seen, flaws: Flaws) -> Commit:
    """The product's own plan of that claim, as a commit of this world."""
    claim = _claim(snapshot, flaws)
    observed = {path: _observed(doc, was, seen.since) for path, doc, was in seen.documents}
    if flaws.skip_strangers_commit and observed:
        known = {path: doc for path, doc in snapshot.held if not doc.gone}
        for path in (*claim.marks, *claim.left):
            observed.setdefault(path, _observed(known.get(path), dict(snapshot.held).get(path), 0))
    plan = make_plan(claim, observed, {}, Stamp(_START, f"{snapshot.number}"), lambda path: path)
    if plan.unread:
        return Commit((), paths=tuple(plan.unread), unread=True)
    puts = [_put(write) for write in plan.writes]
    if flaws.no_guard and HEAD not in claim.marks:
        puts = [put for put in puts if put.path != HEAD]
    skipped: list[tuple[str, Version]] = []
    if flaws.skip_unchanged:
        same = [put for put in puts if put.path != HEAD and _unchanged(put, claim.documents, dict(snapshot.held))]
        skipped = [(put.path, put.version) for put in same]
        puts = [put for put in puts if put not in same]
    adopted = tuple(
        (shown.path, _doc(shown.held))
        for shown in plan.settled.shown
        if not (shown.held.deleted and flaws.forget_what_is_gone)
    )
    paths = tuple(dict.fromkeys((*claim.touched(), *(put.path for put in puts))))
    under = plan.settled.under
    origins = None if under.origins is None else tuple(sorted(under.origins.items()))
    marks = (*plan.settled.marks, *skipped)
    return Commit(tuple(puts), adopted, marks, paths, False, under.epoch, origins, under.turn)


def _claim(snapshot: Claimed, flaws: Flaws) -> Claim:
    states = {path: _held(doc) for path, doc in snapshot.held}
    marked = {
        path: Marked("users/u", Mark(path, Version(1, number), _START), states.get(path), None)
        for path, number in snapshot.marks
    }
    left = {path: marked.pop(path) for path in list(marked) if path not in snapshot.claimed}
    asked, under, names = Asked(marked, {}, frozenset(), left), UNDER_SHAPE_1, 1
    living = Living(snapshot.live, SHAPES)
    if not living.single or any("_v" in path for path, _ in snapshot.marks):
        known = {place: (states.get(place), None) for path, _ in snapshot.marks for place in living.documents(path)}
        names, turn = living.pointer(snapshot.noted, whole=not left or flaws.turn_beside_marks)
        with older_of_two() if flaws.older_of_two else nullcontext():
            asked, origins = spread(living, asked, known)
        under = Under(snapshot.live.epoch, origins, turn)
    documents: dict[str, Any] = {HEAD: {"schemaVersion": names}} if snapshot.exists else {}
    for path, content in zip((ONE, TWO), snapshot.contents, strict=True):
        if content is not None:
            documents |= {place: {"name": content} for place in living.documents(path) if _is_built(living, place)}
    owner = OwnerRow(
        "users/u", Version(1, snapshot.number), len(snapshot.marks), None, snapshot.exists, None, None,
        states.get(HEAD), None, snapshot.live, names,
    )  # fmt: skip
    return Claim(owner, asked.claimed, documents, left=asked.left, under=under)


def _is_built(living: Living, place: str) -> bool:
    named = edition_of(place.split("/")[2])
    return living.reader("categories", 1 if named is None else named[1]) is not None


@contextmanager
def older_of_two() -> Iterator[None]:
    """The flaw of rule 7.6: of several marks on one document the last asked for wins, whatever version it has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "_newest", lambda one, other: one)
        patch.setattr(
            shapes,
            "_at",
            lambda marked, path, known: marked._replace(
                mark=Mark(path, marked.mark.version, marked.mark.marked_at), held=known.get(path, (None, None))[0]
            ),
        )
        yield


def _put(write: Any) -> Put:
    precondition = WritePb.FromString(write.request).current_document
    after = None if precondition.WhichOneof("condition_type") == "exists" else _tick(get_time(precondition.update_time))
    content = write.digest
    if write.path == HEAD and content is not None:
        content = head_digest(write.content["schemaVersion"])
    return Put(write.path, after, content, write.version, write.claimed)


def _unchanged(put: Put, documents: dict[str, Any], held: dict[str, Doc]) -> bool:
    known = held.get(put.path)
    if known is None or known.gone or put.path not in documents:
        return False
    return known.digest == digest_of(documents[put.path]["name"], known.version)


def head_digest(shape: int) -> bytes:
    """Stands for a head that names this shape."""
    return b"head%d" % shape


def _held(doc: Doc) -> Held:
    return Held(_at(doc.time), doc.gone, doc.digest, doc.version)


def _observed(doc: Doc | None, was: Doc | None, since: int) -> Observed:
    refuted = was and _held(was)
    if doc is None:
        return Observed(None, None, None, refuted, _at(since))
    return Observed(_at(doc.time), doc.digest, doc.version, refuted, _at(since))


def _doc(held: Held) -> Doc:
    return Doc(_tick(held.update_time), held.version, held.digest, held.deleted)


@cache
def digest_of(content: str | None, version: Version) -> bytes:
    """The digest of a document with this content at this version."""
    from sync.mirror.documents import versioned
    from sync.mirror.encode import digest, encode

    return digest(encode(versioned(version, {"name": content})), ONE)


def _at(tick: int) -> datetime:
    return _START + timedelta(seconds=tick)


def _tick(moment: datetime) -> int:
    return int((moment - _START).total_seconds())

"""The mirror's protocol as a small state machine over the real `make_plan`, and its exhaustive exploration.

Two mirrors, a head and two documents, which are edited by a script (there and back; made and taken away).
At every step either mirror may claim, send, read, acknowledge or crash; the answer to a commit may be lost, and a
commit that was cut off may land at any later time, or never. The ledger, mirror state and Firestore are plain values,
so states can be compared, and every reachable one is visited once. What happens beside two mirrors (reconcile and
repair, a change of shape, the erasing of the user) are worlds of their own: model_repair.py, model_shapes.py and
model_erase.py add steps and promises to these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import pytest
from google.cloud.firestore_v1.types import write as write_types

from sync import shapes
from sync.changes import UNDER_SHAPE_1, Acknowledgement, Held, Live, Mark, Marked, OwnerRow, Under, Version
from sync.encode import get_time
from sync.paths import edition_of
from sync.plan import Claim, Observed, Stamp, make_plan
from sync.shapes import SHAPE_1, Asked, Layout, Living, Shape, spread
from sync.shapes import SHAPES as KNOWN

WritePb = write_types.Write.pb()

# Shape 2 has categories of its own. Nobody reads them here: documents are made below.
SHAPE_2 = Shape(2, {**SHAPE_1.layouts, "categories": Layout(2, SHAPE_1.layouts["categories"].read)})
SHAPES = {**KNOWN, 2: SHAPE_2}

HEAD, ONE, TWO = PATHS = ("users/u", "users/u/categories/one", "users/u/categories/two")
Script = tuple[tuple[str | None, ...], tuple[str | None, ...]]
THERE_AND_BACK: tuple[str | None, ...] = ("A", "B", "A")
MADE_AND_TAKEN: tuple[str | None, ...] = (None, "A", None)
_START = datetime(2026, 1, 1, tzinfo=UTC)


class Doc(NamedTuple):
    """A document in Firestore, or what mirror state says of one (gone: deleted)."""

    time: int
    version: Version
    digest: bytes | None
    gone: bool = False


class Put(NamedTuple):
    """One write: allowed only if the document's update time is `after` (None: only if there is none)."""

    path: str
    after: int | None
    digest: bytes | None
    version: Version
    claimed: bool


Origins = tuple[tuple[tuple[str, Version], tuple[str, ...]], ...]


class Commit(NamedTuple):
    """One commit on its way, and what may be acknowledged besides its own writes."""

    puts: tuple[Put, ...]
    adopted: tuple[tuple[str, Doc], ...] = ()
    marks: tuple[tuple[str, Version], ...] = ()
    paths: tuple[str, ...] = ()
    unread: bool = False
    epoch: int = 1
    origins: Origins | None = None
    turn: int | None = None


class Seen(NamedTuple):
    """What a mirror read: Firestore's time before, and per path the document and the mirror state of then."""

    since: int = 0
    documents: tuple[tuple[str, Doc | None, Doc | None], ...] = ()


class Process(NamedTuple):
    """One mirror: idle (perhaps knowing what it read), planned, to-read, or to-acknowledge."""

    phase: str = "idle"
    commit: Commit | None = None
    seen: Seen = Seen()
    time: int = 0


class Damage(NamedTuple):
    """What an auditor found: the mirror state that it compared, and the document there."""

    path: str
    known: Doc | None
    found: Doc | None


class Auditor(NamedTuple):
    """Who reconciles: idle, reading on after the head, to-compare, or to-repair."""

    phase: str = "idle"
    since: int = 0
    found: tuple[tuple[str, Doc | None], ...] = ()
    damage: tuple[Damage, ...] = ()


class Life(NamedTuple):
    """How far a change of shape is: the row, whether its pass is done, what the owner was turned to, what is left."""

    live: Live = Live()
    passed: bool = False
    noted: tuple[int, int] | None = None
    steps: int = 0


class State(NamedTuple):
    """The whole world; `script` is what both documents hold after each edit.

    `audits` and `vandals`: how many there may still be, on
    `prey`; `touched`: what somebody changed, `damaged`: what of it
    no audit has marked since.
    `alarm`: what was repaired without need. `gone`: the step of the erasure; from its first on nobody edits.
    """

    script: Script
    edits: tuple[int, int]
    number: int
    marks: tuple[tuple[str, int], ...]
    held: tuple[tuple[str, Doc], ...]
    store: tuple[tuple[str, Doc], ...]
    clock: int
    mirrors: tuple[Process, ...]
    late: tuple[Commit, ...]
    cuts: int
    crashes: int
    auditor: Auditor = Auditor()
    audits: int = 0
    vandals: int = 0
    prey: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    alarm: str = ""
    life: Life = Life()
    gone: str = ""


@dataclass(frozen=True)
class Flaws:
    """Ways to break the protocol, to show that the exploration would notice."""

    no_guard: bool = False
    skip_unchanged: bool = False
    acknowledge_any_version: bool = False
    skip_strangers_commit: bool = False
    read_head_last: bool = False
    forget_what_is_gone: bool = False
    judge_what_moved: bool = False
    repair_what_moved: bool = False
    repair_head_beside_marks: bool = False
    acknowledge_any_epoch: bool = False
    older_of_two: bool = False
    drop_without_heads: bool = False
    head_with_the_rest: bool = False
    sign_unread: bool = False
    read_at_once: bool = False


def first_state(script: Script, cuts: int, crashes: int) -> State:
    """Head and, if the script begins with it, document one are mirrored; nothing is marked."""
    head, one = Doc(1, Version(1, 1), head_digest(1)), Doc(1, Version(1, 2), digest_of("A", Version(1, 2)))
    held = ((HEAD, head), (ONE, one)) if script[0][0] == "A" else ((HEAD, head),)
    return State(script, (0, 0), 2, (), held, held, 1, (Process(), Process()), (), cuts, crashes)


Steps = Callable[[State, Flaws], Iterator[tuple[str, State]]]
Promise = Callable[[State, State], "str | None"]


def explore(script: Script, flaws: Flaws | None = None, *, cuts: int = 0, crashes: int = 0) -> tuple[int, str | None]:
    """Visits every reachable state of two mirrors; answers how many and the first that breaks a promise."""
    return explore_from(first_state(script, cuts, crashes), flaws or Flaws(), successors, broken_promise)


def explore_from(start: State, flaws: Flaws, steps: Steps, promise: Promise) -> tuple[int, str | None]:
    """Visits every state that is reached from this one; answers how many and the first that breaks the promise."""
    seen, front = {start}, [start]
    while front:
        state = front.pop()
        for name, raw in steps(state, flaws):
            following = canonical(raw)
            if following in seen:
                continue
            broken = promise(state, following)
            if broken is not None:
                return len(seen), f"{broken} after {name}: {following}"
            seen.add(following)
            front.append(following)
    return len(seen), None


def canonical(state: State) -> State:
    """States that differ only in the names of moments, in which mirror is which, or in dead commits are one state."""
    store = dict(state.store)
    late = tuple(commit for commit in state.late if not _is_dead(commit, store))
    times = sorted(_times(state, late))
    if times != list(range(1, len(times) + 1)):
        state, late = _renamed(state, late, {time: number for number, time in enumerate(times, 1)} | {0: 0})
    return state._replace(
        mirrors=_ordered(state.mirrors), late=late if len(late) < 2 else tuple(sorted(late, key=repr))
    )


@cache
def _ordered(mirrors: tuple[Process, ...]) -> tuple[Process, ...]:
    return tuple(sorted(mirrors, key=repr))


def _renamed(state: State, late: tuple[Commit, ...], rank: dict[int, int]) -> tuple[State, tuple[Commit, ...]]:
    def doc(old: Doc) -> Doc:
        return old._replace(time=rank[old.time])

    def maybe(old: Doc | None) -> Doc | None:
        return old and doc(old)

    def commit(old: Commit) -> Commit:
        return old._replace(
            puts=tuple(put._replace(after=put.after and rank[put.after]) for put in old.puts),
            adopted=tuple((path, doc(held)) for path, held in old.adopted),
        )

    def process(old: Process) -> Process:
        documents = tuple((path, maybe(found), maybe(was)) for path, found, was in old.seen.documents)
        seen = Seen(rank[old.seen.since], documents)
        return Process(old.phase, old.commit and commit(old.commit), seen, rank[old.time])

    auditor = state.auditor._replace(
        since=rank[state.auditor.since],
        found=tuple((path, maybe(found)) for path, found in state.auditor.found),
        damage=tuple(Damage(path, maybe(known), maybe(found)) for path, known, found in state.auditor.damage),
    )
    renamed = state._replace(
        held=tuple((path, doc(held)) for path, held in state.held),
        store=tuple((path, doc(held)) for path, held in state.store),
        clock=rank[state.clock],
        mirrors=tuple(map(process, state.mirrors)),
        auditor=auditor,
    )
    return renamed, tuple(map(commit, late))


def _is_dead(commit: Commit, store: dict[str, Doc]) -> bool:
    """An update time never comes back, so a commit that requires a former one can never land."""
    return any(
        put.after is not None and (put.path not in store or store[put.path].time != put.after) for put in commit.puts
    )


def _times(state: State, late: tuple[Commit, ...]) -> set[int]:
    times = {state.clock, *(doc.time for _, doc in (*state.held, *state.store))}
    for process in state.mirrors:
        times |= {process.time, process.seen.since}
        times |= {doc.time for _, *both in process.seen.documents for doc in both if doc is not None}
    for commit in (*late, *(process.commit for process in state.mirrors)):
        if commit is not None:
            times |= {put.after for put in commit.puts if put.after is not None}
            times |= {doc.time for _, doc in commit.adopted}
    auditor = state.auditor
    if auditor.phase != "idle":
        times.add(auditor.since)
        times |= {found.time for _, found in auditor.found if found is not None}
        times |= {doc.time for _, *both in auditor.damage for doc in both if doc is not None}
    return times - {0}


def broken_promise(before: State, after: State) -> str | None:
    """Unmarked documents are equal in both stores, for ever; no document ever goes back to an older version."""
    marked, store = dict(after.marks), dict(after.store)
    for path, content in zip((ONE, TWO), contents_of(after), strict=True):
        shown = store.get(path)
        if path in marked or path in after.damaged:
            continue
        if (shown is None) != (content is None):
            return f"{path} should be {content}"
        if shown is not None and shown.digest != digest_of(content, shown.version):
            return f"{path} should hold {content}"
    return went_back(before, after)


def went_back(before: State, after: State) -> str | None:
    """The second promise alone."""
    store = dict(after.store)
    for path, doc in before.store:
        if path in store and store[path].version < doc.version:
            return f"{path} went back from {doc.version} to {store[path].version}"
    return None


def successors(state: State, flaws: Flaws) -> Iterator[tuple[str, State]]:
    """Every step the world may take."""
    for place, path in enumerate((ONE, TWO)):
        if state.edits[place] + 1 < len(state.script[place]) and not state.gone:
            yield f"edit {path}", _edit(state, place, path)
    for number, process in enumerate(state.mirrors):
        for name, following in _steps(state, number, process, flaws):
            yield f"mirror {number} {name}", following
    for number, commit in enumerate(state.late):
        rest = state.late[:number] + state.late[number + 1 :]
        landed, _ = _apply(state._replace(late=rest), commit)
        yield "a late commit lands", landed


def _edit(state: State, place: int, path: str) -> State:
    edits = tuple(done + (position == place) for position, done in enumerate(state.edits))
    marks = tuple(sorted({**dict(state.marks), path: state.number + 1}.items()))
    return state._replace(edits=edits, number=state.number + 1, marks=marks)  # type: ignore[arg-type]


def _steps(state: State, number: int, process: Process, flaws: Flaws) -> Iterator[tuple[str, State]]:
    def become(following: Process, world: State = state, **changes: Any) -> State:
        mirrors = (*world.mirrors[:number], following, *world.mirrors[number + 1 :])
        return world._replace(mirrors=mirrors, **changes)

    if process.phase != "idle" and state.crashes:
        yield "crashes", become(Process(), crashes=state.crashes - 1)
    if process.phase == "idle":
        for claimed in _claims(state):
            commit = _plan(_claimed(state, claimed), process.seen, flaws)
            phase = "read" if commit.unread else "planned" if commit.puts else "acknowledge"
            yield f"claims {', '.join(claimed)}", become(Process(phase, commit))
    elif process.phase == "planned":
        assert process.commit is not None
        unknown = Process("read", Commit((), paths=process.commit.paths))
        world, accepted = _apply(state, process.commit)
        answered = Process("acknowledge", process.commit, time=world.clock) if accepted else unknown
        yield "sends", become(answered, world)
        if state.cuts:
            if accepted:
                yield "sends, the answer is lost", become(unknown, world, cuts=state.cuts - 1)
            late = tuple(sorted((*state.late, process.commit), key=repr))
            yield "sends, the commit is held up", become(unknown, late=late, cuts=state.cuts - 1)
    elif process.phase == "read":
        yield "begins to read", become(_read(state, process, head=not flaws.read_head_last))
    elif process.phase == "read on":
        yield "reads on", become(_read(state, process, head=flaws.read_head_last))
    elif process.phase == "acknowledge":
        assert process.commit is not None
        yield "acknowledges", become(Process(), _acknowledge(state, process.commit, process.time, flaws))


def _apply(state: State, commit: Commit) -> tuple[State, bool]:
    store = dict(state.store)
    for put in commit.puts:
        there = store.get(put.path)
        if (None if there is None else there.time) != put.after:
            return state, False
    for put in commit.puts:
        if put.digest is None:
            del store[put.path]
        elif put.path == HEAD or put.path not in store or store[put.path].digest != put.digest:
            store[put.path] = Doc(state.clock + 1, put.version, put.digest)
    return state._replace(store=tuple(sorted(store.items())), clock=state.clock + 1), True


def _read(state: State, process: Process, *, head: bool) -> Process:
    """The head is read first and by itself: nothing promises that one call reads all documents at one moment."""
    assert process.commit is not None
    store, held = dict(state.store), dict(state.held)
    read = ((path, store.get(path), held.get(path)) for path in process.commit.paths if (path == HEAD) == head)
    seen = Seen(process.seen.since or state.clock, (*process.seen.documents, *read))
    return Process("idle", seen=seen) if process.phase == "read on" else Process("read on", process.commit, seen)


def contents_of(state: State) -> tuple[str | None, ...]:
    """What the ledger says of both documents."""
    if state.gone:
        return (None, None)
    return tuple(script[done] for script, done in zip(state.script, state.edits, strict=True))


def marked_anew(state: State, *paths: str) -> State:
    """Marks documents as a trigger does: one new version for all of them."""
    marks = {**dict(state.marks), **dict.fromkeys(paths, state.number + 1)}
    return state._replace(number=state.number + 1, marks=tuple(sorted(marks.items())))


def _claims(state: State) -> list[tuple[str, ...]]:
    """All marks, or some: an owner with many is claimed in parts, but a marked head is in each of them."""
    marked = tuple(path for path, _ in state.marks)
    rest = tuple(path for path in marked if path != HEAD)
    parts = [(*marked[: len(marked) - len(rest)], path) for path in rest] if len(rest) > 1 else []
    return [marked, *parts] if marked else []


def _acknowledge(state: State, commit: Commit, time: int, flaws: Flaws) -> State:
    held, marks = dict(state.held), dict(state.marks)
    shown = [(put.path, Doc(time, put.version, put.digest, put.digest is None)) for put in commit.puts]
    for path, doc in (*shown, *commit.adopted):
        if path not in held or doc.time > held[path].time:
            held[path] = doc
    moved = state._replace(held=tuple(sorted(held.items())))
    if commit.epoch != state.life.live.epoch and not flaws.acknowledge_any_epoch:
        return moved
    done = [*((put.path, put.version) for put in commit.puts if put.claimed), *commit.marks]
    for path, version in _served(commit, done):
        if path in marks and (marks[path] == version.number or flaws.acknowledge_any_version):
            del marks[path]
    noted = state.life.noted
    if commit.turn is not None and commit.epoch == state.life.live.epoch:
        noted = (commit.turn, commit.epoch)
    return moved._replace(marks=tuple(sorted(marks.items())), life=state.life._replace(noted=noted))


def _served(commit: Commit, done: list[tuple[str, Version]]) -> list[tuple[str, Version]]:
    """Which marks go: the product's own answer."""
    if commit.origins is None:
        return done
    under = Under(commit.epoch, dict(commit.origins), commit.turn)
    return list(Acknowledgement("users/u", marks=done, under=under).served())


# --- the real plan ---


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


def _claimed(state: State, claimed: tuple[str, ...]) -> Claimed:
    exists = state.gone in ("", "rows")
    life = state.life
    return Claimed(
        contents_of(state), state.marks, claimed, state.held, state.number, exists, life.live, life.noted
    )  # fmt: skip


@cache
def _plan(snapshot: Claimed, seen: Seen, flaws: Flaws) -> Commit:
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
        names, turn = living.pointer(snapshot.noted, whole=not left)
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
    from sync.documents import versioned
    from sync.encode import digest, encode

    return digest(encode(versioned(version, {"name": content})), ONE)


def _at(tick: int) -> datetime:
    return _START + timedelta(seconds=tick)


def _tick(moment: datetime) -> int:
    return int((moment - _START).total_seconds())

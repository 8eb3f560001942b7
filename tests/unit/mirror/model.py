"""The mirror's protocol as a small state machine over the real `make_plan`, and its exhaustive exploration.

Two mirrors, a head and two documents, which are edited by a script (there and back; made and taken away).
At every step either mirror may claim, send, read, acknowledge or crash; the answer to a commit may be lost, and a
commit that was cut off may land at any later time, or never. The ledger, mirror state and Firestore are plain values,
so states can be compared, and every reachable one is visited once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from google.cloud.firestore_v1.types import write as write_types

from sync.changes import Held, Mark, Marked, OwnerRow, Version
from sync.encode import get_time
from sync.plan import Claim, Observed, Stamp, make_plan

WritePb = write_types.Write.pb()

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


class Commit(NamedTuple):
    """One commit on its way, and what may be acknowledged besides its own writes."""

    puts: tuple[Put, ...]
    adopted: tuple[tuple[str, Doc], ...] = ()
    marks: tuple[tuple[str, Version], ...] = ()
    paths: tuple[str, ...] = ()
    unread: bool = False


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


class State(NamedTuple):
    """The whole world; `script` is what both documents hold after each edit."""

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


@dataclass(frozen=True)
class Flaws:
    """Ways to break the protocol, to show that the exploration would notice."""

    no_guard: bool = False
    skip_unchanged: bool = False
    acknowledge_any_version: bool = False
    skip_strangers_commit: bool = False
    read_head_last: bool = False


def first_state(script: Script, cuts: int, crashes: int) -> State:
    """Head and document one are mirrored; nothing is marked."""
    head, one = Doc(1, Version(1, 1), b"head"), Doc(1, Version(1, 2), _digest("A", Version(1, 2)))
    held = ((HEAD, head), (ONE, one))
    return State(script, (0, 0), 2, (), held, held, 1, (Process(), Process()), (), cuts, crashes)


def explore(script: Script, flaws: Flaws | None = None, *, cuts: int = 0, crashes: int = 0) -> tuple[int, str | None]:
    """Visits every reachable state; answers how many there are and the first that breaks a promise."""
    start = first_state(script, cuts, crashes)
    seen, front = {start}, [start]
    while front:
        state = front.pop()
        for name, raw in successors(state, flaws or Flaws()):
            following = canonical(raw)
            if following in seen:
                continue
            broken = broken_promise(state, following)
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
    rank = {time: number for number, time in enumerate(times, 1)} | {0: 0}

    def doc(old: Doc | None) -> Doc | None:
        return old and old._replace(time=rank[old.time])

    def commit(old: Commit | None) -> Commit | None:
        return old and old._replace(
            puts=tuple(put._replace(after=put.after and rank[put.after]) for put in old.puts),
            adopted=tuple((path, doc(held)) for path, held in old.adopted),  # type: ignore[misc]
        )

    def process(old: Process) -> Process:
        documents = tuple((path, doc(found), doc(was)) for path, found, was in old.seen.documents)
        seen = Seen(rank[old.seen.since], documents)
        return Process(old.phase, commit(old.commit), seen, rank[old.time])

    return state._replace(
        held=tuple((path, doc(held)) for path, held in state.held),  # type: ignore[misc]
        store=tuple((path, doc(held)) for path, held in state.store),  # type: ignore[misc]
        clock=rank[state.clock],
        mirrors=tuple(sorted(map(process, state.mirrors), key=repr)),
        late=tuple(sorted(map(commit, late), key=repr)),  # type: ignore[arg-type]
    )


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
    return times - {0}


def broken_promise(before: State, after: State) -> str | None:
    """Unmarked documents are equal in both stores, for ever; no document ever goes back to an older version."""
    marked, store = dict(after.marks), dict(after.store)
    for place, path in enumerate((ONE, TWO)):
        content = after.script[place][after.edits[place]]
        shown = store.get(path)
        if path in marked:
            continue
        if (shown is None) != (content is None):
            return f"{path} should be {content}"
        if shown is not None and shown.digest != _digest(content, shown.version):
            return f"{path} should hold {content}"
    for path, doc in before.store:
        if path in store and store[path].version < doc.version:
            return f"{path} went back from {doc.version} to {store[path].version}"
    return None


def successors(state: State, flaws: Flaws) -> Iterator[tuple[str, State]]:
    """Every step the world may take."""
    for place, path in enumerate((ONE, TWO)):
        if state.edits[place] + 1 < len(state.script[place]):
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
            commit = _plan(_contents(state), state.marks, claimed, state.held, state.number, process.seen, flaws)
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


def _contents(state: State) -> tuple[str | None, ...]:
    return tuple(script[done] for script, done in zip(state.script, state.edits, strict=True))


def _claims(state: State) -> list[tuple[str, ...]]:
    """All marks, or some: an owner with many is claimed in parts."""
    marked = tuple(path for path, _ in state.marks)
    return [marked, *((path,) for path in marked)] if len(marked) > 1 else [marked] if marked else []


def _acknowledge(state: State, commit: Commit, time: int, flaws: Flaws) -> State:
    held, marks, store = dict(state.held), dict(state.marks), dict(state.store)
    shown = [(put.path, Doc(time, put.version, put.digest, put.digest is None)) for put in commit.puts]
    del store
    for path, doc in (*shown, *commit.adopted):
        if path not in held or doc.time > held[path].time:
            held[path] = doc
    done = [*((put.path, put.version) for put in commit.puts if put.claimed), *commit.marks]
    for path, version in done:
        if path in marks and (marks[path] == version.number or flaws.acknowledge_any_version):
            del marks[path]
    return state._replace(held=tuple(sorted(held.items())), marks=tuple(sorted(marks.items())))


# --- the real plan ---


@cache
def _plan(
    contents: tuple[str | None, ...],
    marks: tuple[tuple[str, int], ...],
    claimed: tuple[str, ...],
    held: tuple[tuple[str, Doc], ...],
    number: int,
    seen: Seen,
    flaws: Flaws,
) -> Commit:
    states = {path: Held(_at(doc.time), doc.gone, doc.digest, doc.version) for path, doc in held}
    documents: dict[str, Any] = {HEAD: {}}
    for path, content in zip((ONE, TWO), contents, strict=True):
        if content is not None:
            documents[path] = {"name": content}
    owner = OwnerRow("users/u", Version(1, number), len(marks), None, True, None, None, states.get(HEAD), None)
    marked = {path: Marked("users/u", Mark(path, Version(1, at), _START), states.get(path), None) for path, at in marks}
    left = {path: marked.pop(path) for path in list(marked) if path not in claimed}
    claim = Claim(owner, marked, documents, left=left)
    observed = {path: _observed(doc, was, seen.since) for path, doc, was in seen.documents}
    if flaws.skip_strangers_commit and observed:
        known = {path: doc for path, doc in held if not doc.gone}
        for path in (*marked, *left):
            observed.setdefault(path, _observed(known.get(path), dict(held).get(path), 0))
    plan = make_plan(claim, observed, {}, Stamp(_START, f"{number}"), lambda path: path)
    if plan.unread:
        return Commit((), paths=tuple(plan.unread), unread=True)
    puts = [_put(write) for write in plan.writes]
    if flaws.no_guard and HEAD not in marked:
        puts = [put for put in puts if put.path != HEAD]
    skipped: list[tuple[str, Version]] = []
    if flaws.skip_unchanged:
        same = [put for put in puts if put.path != HEAD and _unchanged(put, documents, dict(held))]
        skipped = [(put.path, put.version) for put in same]
        puts = [put for put in puts if put not in same]
    adopted = tuple((shown.path, _doc(shown.held)) for shown in plan.settled.shown)
    paths = tuple(dict.fromkeys((*claim.touched(), *(put.path for put in puts))))
    return Commit(tuple(puts), adopted, (*plan.settled.marks, *skipped), paths)


def _put(write: Any) -> Put:
    precondition = WritePb.FromString(write.request).current_document
    after = None if precondition.WhichOneof("condition_type") == "exists" else _tick(get_time(precondition.update_time))
    content = b"head" if write.path == HEAD else write.digest
    return Put(write.path, after, content, write.version, write.claimed)


def _unchanged(put: Put, documents: dict[str, Any], held: dict[str, Doc]) -> bool:
    known = held.get(put.path)
    if known is None or known.gone or put.path not in documents:
        return False
    return known.digest == _digest(documents[put.path]["name"], known.version)


def _observed(doc: Doc | None, was: Doc | None, since: int) -> Observed:
    refuted = None if was is None else Held(_at(was.time), was.gone, was.digest, was.version)
    if doc is None:
        return Observed(None, None, None, refuted, _at(since))
    return Observed(_at(doc.time), doc.digest, doc.version, refuted, _at(since))


def _doc(held: Held) -> Doc:
    return Doc(_tick(held.update_time), held.version, held.digest, held.deleted)


@cache
def _digest(content: str | None, version: Version) -> bytes:
    from sync.documents import versioned
    from sync.encode import digest, encode

    return digest(encode(versioned(version, {"name": content})), ONE)


def _at(tick: int) -> datetime:
    return _START + timedelta(seconds=tick)


def _tick(moment: datetime) -> int:
    return int((moment - _START).total_seconds())

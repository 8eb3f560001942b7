"""The mirror's protocol as a small state machine over the real `make_plan`, and its exhaustive exploration.

Two mirrors, a head and two documents, which are edited by a script (there and back; made and taken away).
At every step either mirror may claim, send, read, acknowledge or crash; the answer to a commit may be lost, and a
commit that was cut off may land at any later time, or never. The ledger, mirror state and Firestore are plain values,
so states can be compared, and every reachable one is visited once. What happens beside two mirrors (reconcile and
repair, a change of shape, the erasing of the user) are worlds of their own: model_repair.py, model_shapes.py and
model_erase.py add steps and promises to these. The values are in model_world.py, the names of moments in
model_moments.py, the real plan in model_plan.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sync.mirror.changes import Acknowledgement, Under, Version
from tests.unit.mirror.model_moments import canonical
from tests.unit.mirror.model_plan import claimed, digest_of, head_digest, planned
from tests.unit.mirror.model_world import (
    HEAD,
    ONE,
    TWO,
    Commit,
    Doc,
    Flaws,
    Process,
    Script,
    Seen,
    State,
    contents_of,
)


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
        for part in _claims(state):
            commit = planned(claimed(state, part), process.seen, flaws)
            phase = "read" if commit.unread else "planned" if commit.puts else "acknowledge"
            yield f"claims {', '.join(part)}", become(Process(phase, commit))
    elif process.phase == "planned":
        assert process.commit is not None
        unknown = Process("read", Commit((), paths=process.commit.paths))
        sent = _learned_now(state, process.commit) if flaws.learned_when_sent else process.commit
        world, accepted = _apply(state, sent)
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


def _learned_now(state: State, commit: Commit) -> Commit:
    """The flaw of rule 2.2: the commit is based on update times that are newer than its projection."""
    store = dict(state.store)
    puts = (put._replace(after=store[put.path].time if put.path in store else None) for put in commit.puts)
    return commit._replace(puts=tuple(puts))


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

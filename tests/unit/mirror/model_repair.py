"""The model with somebody who changes documents in Firestore, and an auditor who reconciles and repairs.

The auditor takes the steps of sync/audit/reconcile.py and repair.py (docs/consistency.md, section 6): the head is read,
then the rest, then all is compared with one snapshot, then one transaction stores what was observed and marks. He may
stop between any two of them. What somebody has changed is damaged until a repair has marked it; everything else keeps
the promises of the model, and nothing is repaired that nobody has changed.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync.mirror.changes import Version
from tests.unit.mirror.model import (
    broken_promise,
    successors,
)
from tests.unit.mirror.model_plan import (
    digest_of,
    head_digest,
)
from tests.unit.mirror.model_world import (
    HEAD,
    ONE,
    TWO,
    Auditor,
    Damage,
    Doc,
    Flaws,
    State,
    contents_of,
    marked_anew,
)

_ODD = b"somebody's"


def steps(state: State, flaws: Flaws) -> Iterator[tuple[str, State]]:
    """The mirrors' steps, somebody's, and the auditor's."""
    yield from successors(state, flaws)
    if state.vandals:
        yield from _vandalised(state)
    auditor = state.auditor
    if auditor.phase == "idle" and state.audits:
        begun = Auditor("reads on", state.clock, _read(state, (HEAD,)))
        yield "the auditor reads the head", state._replace(auditor=begun, audits=state.audits - 1)
    elif auditor.phase == "reads on":
        read = auditor._replace(phase="compares", found=(*auditor.found, *_read(state, (ONE, TWO))))
        yield "the auditor reads the rest", state._replace(auditor=read)
    elif auditor.phase == "compares":
        damage, since = tuple(_compared(state, flaws)), auditor.since
        yield (
            "the auditor compares",
            state._replace(auditor=Auditor("repairs", since, damage=damage) if damage else Auditor()),
        )
    elif auditor.phase == "repairs":
        yield "the auditor repairs", _repaired(state, flaws)


def promise(before: State, after: State) -> str | None:
    """The model's promises, and no false alarm."""
    return after.alarm or broken_promise(before, after)


def _vandalised(state: State) -> Iterator[tuple[str, State]]:
    """Somebody deletes a document, writes other content over it, or adds one."""
    store = dict(state.store)
    for path in state.prey:
        version = store[path].version if path in store else Version(1, 1)
        odd = {**store, path: Doc(state.clock + 1, version, _ODD)}
        yield f"somebody writes {path}", _damaged(state, path, odd)
        if path in store:
            rest = {place: doc for place, doc in store.items() if place != path}
            yield f"somebody deletes {path}", _damaged(state, path, rest)


def _damaged(state: State, path: str, store: dict[str, Doc]) -> State:
    damaged, touched = (tuple(sorted({*paths, path})) for paths in (state.damaged, state.touched))
    return state._replace(
        store=tuple(sorted(store.items())), clock=state.clock + 1, vandals=state.vandals - 1,
        damaged=damaged, touched=touched,
    )  # fmt: skip


def _read(state: State, paths: tuple[str, ...]) -> tuple[tuple[str, Doc | None], ...]:
    store = dict(state.store)
    return tuple((path, store.get(path)) for path in paths)


def _compared(state: State, flaws: Flaws) -> Iterator[Damage]:
    """Rules 6.1 and 6.2."""
    held, marked = dict(state.held), dict(state.marks)
    contents = dict(zip((ONE, TWO), contents_of(state), strict=True))
    for path, found in state.auditor.found:
        known = held.get(path)
        if path in marked:
            continue
        if _newer(known, found, state.auditor.since) and not flaws.judge_what_moved:
            continue
        if _wanted(path, contents, known, found) != (found and found.digest):
            yield Damage(path, known, found)


def _newer(known: Doc | None, found: Doc | None, since: int) -> bool:
    return known is not None and known.time > (since if found is None else max(since, found.time))


def _wanted(path: str, contents: dict[str, str | None], known: Doc | None, found: Doc | None) -> bytes | None:
    if path == HEAD:
        return head_digest(1)
    if contents[path] is None:
        return None
    shown = found if known is None or known.gone else known
    return digest_of(contents[path], Version(0, 0) if shown is None else shown.version)


def _repaired(state: State, flaws: Flaws) -> State:
    """Rules 6.3 to 6.5, in one transaction."""
    held, marked = dict(state.held), dict(state.marks)
    stored: dict[str, Doc] = {}
    for path, known, found in state.auditor.damage:
        waits = path in marked or (path == HEAD and marked and not flaws.repair_head_beside_marks)
        if (waits or held.get(path) != known) and not flaws.repair_what_moved:
            continue
        version = (known or found or Doc(0, Version(0, 0), None)).version
        stored[path] = found or Doc(state.auditor.since, version, None, gone=True)
    if not stored:
        return state._replace(auditor=Auditor())
    mended = marked_anew(state, *stored)._replace(auditor=Auditor(), held=tuple(sorted((held | stored).items())))
    needless = [path for path in stored if path not in state.touched]
    alarm = f"{needless[0]} was repaired without need" if needless else ""
    return mended._replace(damaged=tuple(path for path in state.damaged if path not in stored), alarm=alarm)

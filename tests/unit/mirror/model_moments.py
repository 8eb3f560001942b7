"""Which states are one: moments have no names of their own, and mirrors are alike."""

from __future__ import annotations

from functools import cache

from tests.unit.mirror.model_world import Commit, Damage, Doc, Process, Seen, State


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

"""The model with the erasing of its user: rows, documents, the head as the last one, a wait, a reading, the record.

The steps are those of sync/erase/erase.py (docs/consistency.md, section 10). The wait ends when no mirror is under way
with this owner and no commit sent before can still land; until then anything late may. Promised besides: once the head
is being deleted nothing is made below it, and of what was signed nothing is left or ever comes back.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.unit.mirror.model import (
    broken_promise,
    first_state,
    successors,
)
from tests.unit.mirror.model_world import (
    HEAD,
    ONE,
    TWO,
    Flaws,
    Script,
    State,
    marked_anew,
)


def new_user(script: Script, cuts: int, crashes: int) -> State:
    """Somebody who has just signed up: nothing is mirrored, the head and document one are marked."""
    state = first_state(script, cuts, crashes)
    return marked_anew(state._replace(store=(), held=()), HEAD, ONE)


def steps(state: State, flaws: Flaws) -> Iterator[tuple[str, State]]:
    """The mirrors' steps, and those of the erasure."""
    yield from successors(state, flaws)
    idle = all(process.phase == "idle" for process in state.mirrors)
    if state.gone == "":
        marked = marked_anew(state._replace(gone="rows"), *_there(state))
        yield "the rows go", marked_anew(marked._replace(gone="head"), HEAD) if flaws.head_with_the_rest else marked
    elif state.gone == "rows" and not state.marks and not _below(state):
        yield "the head goes", marked_anew(state._replace(gone="head"), HEAD)
    elif state.gone == "head" and not state.marks:
        yield "the wait begins", state._replace(gone="wait")
    elif state.gone == "wait" and (idle or flaws.read_at_once):
        late = state.late if flaws.read_at_once else ()
        yield "the wait ends", state._replace(gone="read", late=late, held=(), marks=())
    elif state.gone == "read" and (not state.store or flaws.sign_unread):
        yield "the record is signed", state._replace(gone="signed")
    elif state.gone == "read":
        yield "what came back is deleted", state._replace(gone="wait", store=(), clock=state.clock + 1)


def promise(before: State, after: State) -> str | None:
    """The model's promises, and those of the erasure."""
    if after.gone in ("wait", "read", "signed") and _below(after):
        return f"{_below(after)[0]} lies below a head that is gone"
    if after.gone == "signed" and after.store:
        return "something is left of what was signed"
    return broken_promise(before, after)


def _there(state: State) -> list[str]:
    """What the triggers mark when the rows go."""
    return [path for path, script, done in zip((ONE, TWO), state.script, state.edits, strict=True) if script[done]]


def _below(state: State) -> list[str]:
    return [path for path, _ in state.store if path != HEAD]

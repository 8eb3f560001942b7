"""The world of the model: ledger, mirror state, Firestore and mirrors as plain values, and the flaws it may be given.

Moments are numbers. States can be compared, and so every reachable one is visited once (model.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sync.mirror.changes import Live, Version

HEAD, ONE, TWO = PATHS = ("users/u", "users/u/categories/one", "users/u/categories/two")
Script = tuple[tuple[str | None, ...], tuple[str | None, ...]]
THERE_AND_BACK: tuple[str | None, ...] = ("A", "B", "A")
MADE_AND_TAKEN: tuple[str | None, ...] = (None, "A", None)


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

    learned_when_sent: bool = False
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
    turn_beside_marks: bool = False
    head_with_the_rest: bool = False
    sign_unread: bool = False
    read_at_once: bool = False


def contents_of(state: State) -> tuple[str | None, ...]:
    """What the ledger says of both documents."""
    if state.gone:
        return (None, None)
    return tuple(script[done] for script, done in zip(state.script, state.edits, strict=True))


def marked_anew(state: State, *paths: str) -> State:
    """Marks documents as a trigger does: one new version for all of them."""
    marks = {**dict(state.marks), **dict.fromkeys(paths, state.number + 1)}
    return state._replace(number=state.number + 1, marks=tuple(sorted(marks.items())))

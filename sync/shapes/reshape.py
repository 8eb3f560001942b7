"""The life of a shape: built beside the old one, verified, flipped to owner by owner, the old one swept; or aborted.

Each step is one change of the row `live_shapes`, alone with the lock that acknowledgements share, and then a pass over
the owners by name that marks what the step asks for; the mirrors do the writing. A pass keeps its place in the same
transaction as its marks: a crash anywhere is gone on from, and two at once do no harm. Nothing is deleted here and
nothing is written to Firestore. docs/shapes.md has the states. Called by `livespend mirror shape`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sync.audit.verify import verify
from sync.db import retrying, transaction
from sync.deps import Deps
from sync.errors import ShapeRefused, ShapeUnknown
from sync.mirror.changes import Live
from sync.mirror.settling import SHAPES_LOCK
from sync.paths import collection, edition_of
from sync.shapes.shapes import Living, Shape
from sync.steps import step

# A pass waits while so many marks stand, so that edits never queue behind much of it; owners per transaction.
MARKS_AHEAD = 10_000
OWNERS_AT_ONCE = 25
_LOOK_SECONDS = 0.1
_VERIFY_TRIES = 20


class Standing(NamedTuple):
    """Where a change of shape stands: the row, and how many owners and marks its step still waits for."""

    live: Live
    reached: str
    marked: int
    started_at: datetime | None
    changed_at: datetime
    owners: int
    left: int


Told = Callable[[str, int, int], None]


def read_standing(deps: Deps) -> Standing:
    """Reads where the change of shape stands."""
    with transaction(deps.engine) as connection:
        return _standing(connection)


def build(deps: Deps, number: int, told: Told) -> Standing:
    """Builds a shape beside the living one and verifies it; goes on where it was left. Raises ShapeRefused."""
    target = _known(deps, number)

    def begin(live: Live) -> Live:
        if live.other is not None:
            raise ShapeRefused(f"shape {live.other} is {live.state}: finish or abort that first")
        if live.shape == number:
            raise ShapeRefused(f"shape {number} is the one that lives")
        own = target.editions() - _known(deps, live.shape).editions()
        return live._replace(other=number, state="building", own=_names(own))

    live = read_standing(deps).live
    if live.other != number or live.state not in ("building", "built", "verified"):
        live = _change(deps, begin)
        step("shape:begun")
    if live.state == "building":
        _pass(deps, live, told)
        _wait(deps, live, told, _marks_left)
        live = _change(deps, _from("building", "built"))
        step("shape:built")
    if live.state == "built":
        _verify(deps, told)
        _change(deps, _from("built", "verified"))
    return read_standing(deps)


def flip(deps: Deps, told: Told) -> Standing:
    """Turns every head to the shape that was built and verified; goes on where it was left. Raises ShapeRefused."""
    live = read_standing(deps).live
    if live.state != "flipping":
        live = _change(deps, _from("verified", "flipping"))
        step("shape:flipping")

    def swapped(now: Live) -> Live:
        assert now.other is not None
        own = _known(deps, now.shape).editions() - _known(deps, now.other).editions()
        return now._replace(shape=now.other, other=now.shape, state="flipped", own=_names(own))

    _turn(deps, live, told, lambda now: swapped(_from("flipping", "flipping")(now)))
    step("shape:flipped")
    return read_standing(deps)


def sweep(deps: Deps, told: Told) -> Standing:
    """Drops the shape that nobody reads any more; goes on where it was left. Raises ShapeRefused."""
    live = read_standing(deps).live
    if live.state != "sweeping":
        live = _change(deps, _from("flipped", "sweeping"))
        step("shape:sweeping")
    _turn(deps, live, told, lambda now: _from("sweeping", "still")(now)._replace(other=None, own=()))
    step("shape:swept")
    return read_standing(deps)


def abort(deps: Deps, told: Told) -> Standing:
    """Goes back to the shape from before, from whichever step; goes on where it was left. Raises ShapeRefused."""
    live = read_standing(deps).live
    if live.state == "still":
        raise ShapeRefused("no change of shape is under way")
    if live.state in ("flipping", "flipped"):
        live = _change(deps, lambda now: _returning(deps, now), heads=live.state == "flipped")
        step("shape:returning")
    if live.state == "returning":
        _turn(deps, live, told, _from("returning", "sweeping"))
    elif live.state != "sweeping":
        _change(deps, _from(live.state, "sweeping"))
    step("shape:aborting")
    return sweep(deps, told)


def _returning(deps: Deps, live: Live) -> Live:
    """Heads go back to the old shape: before the flip is over it still leads, afterwards the two change places."""
    if live.state == "flipping":
        return live._replace(state="returning")
    live = _from("flipped", "returning")(live)
    assert live.other is not None
    own = _known(deps, live.shape).editions() - _known(deps, live.other).editions()
    return live._replace(shape=live.other, other=live.shape, own=_names(own))


# --- the row ---

_READ = text("select epoch, shape, other, state, own, reached, marked, started_at, changed_at from live_shapes")
_LOCK = text("select pg_advisory_xact_lock(:key)")
_CHANGE = text("""
    update live_shapes set epoch = epoch + 1, shape = :shape, other = :other, state = :state, own = :own, reached = '',
        marked = 0, started_at = case when state = 'still' then now() else started_at end, changed_at = now()
""")
# Heads that no acknowledged commit has told of name the shape that led until now.
_NOTE_HEADS = text("""
    insert into owner_shapes (owner, shape, epoch) select owner, :shape, 0 from owners on conflict do nothing
""")
_UNTURNED = text("""
    select count(*) from owners as o where o.owner like 'users/%'
    and not exists (select from owner_shapes as s where s.owner = o.owner and s.epoch = :epoch)
""")
_REMAINS = text("""
    select exists (select from mirror_state where not deleted and split_part(path, '/', 3) = any (:collections))
""")
_MARKS_LEFT = text("select count(*) from changes where split_part(path, '/', 3) = any (:names)")
_OWNERS = text("select count(*) from owners where owner like 'users/%'")


class _NotYet(Exception):
    """Somebody still has to be turned, or something still has to be dropped."""


def _change(deps: Deps, following: Callable[[Live], Live], *, turned: bool = False, heads: bool = False) -> Live:
    """Changes the row under its lock; `turned`: only if every owner is and, when sweeping ends, nothing remains."""

    @retrying
    def change() -> Live:
        with transaction(deps.engine) as connection:
            connection.execute(_LOCK, {"key": SHAPES_LOCK})
            live = _read(connection)
            wanted = following(live)
            if turned and not _all_turned(connection, live):
                raise _NotYet
            if heads:
                connection.execute(_NOTE_HEADS, {"shape": live.shape})
            values = {"shape": wanted.shape, "other": wanted.other, "state": wanted.state, "own": list(wanted.own)}
            connection.execute(_CHANGE, values)
            return _read(connection)

    return change()


def _all_turned(connection: Connection, live: Live) -> bool:
    if connection.execute(_UNTURNED, {"epoch": live.epoch}).scalar_one():
        return False
    return live.state != "sweeping" or not connection.execute(_REMAINS, {"collections": _places(live)}).scalar_one()


def _from(state: str, following: str) -> Callable[[Live], Live]:
    def change(live: Live) -> Live:
        if live.state != state:
            raise ShapeRefused(f"the shape is {live.state}, not {state}")
        return live._replace(state=following)

    return change


def _read(connection: Connection) -> Live:
    row = connection.execute(_READ).one()
    return Live(row.epoch, row.shape, row.other, row.state, tuple(row.own))


def _standing(connection: Connection) -> Standing:
    row = connection.execute(_READ).one()
    live = _read(connection)
    owners = connection.execute(_OWNERS).scalar_one()
    left = _marks_left(connection, live) if live.state == "building" else 0
    if live.state in ("flipping", "returning", "sweeping"):
        left = _unturned(connection, live)
    return Standing(live, row.reached, row.marked, row.started_at, row.changed_at, owners, left)


# --- a pass over the owners ---

_PASS = text("""
    with batch as (
        select owner from owners where owner > :reached and owner like 'users/%' order by owner limit :owners),
    documents as (
        select s.owner, split_part(s.path, '/', 1) || '/' || split_part(s.path, '/', 2) || '/' || m.name || '/'
            || split_part(s.path, '/', 4) as path
        from mirror_state as s join batch using (owner)
        join unnest(cast(:collections as text[]), cast(:names as text[])) as m(collection, name)
            on split_part(s.path, '/', 3) = m.collection
        where not s.deleted
        union all
        select owner, owner from batch where :heads)
    select (select max(owner) from batch), (select count(*) from documents),
        (select mark_documents(array_agg(owner), array_agg(path)) from documents)
""")
_MARK_REMAINS = text("""
    select mark_documents(array_agg(owner), array_agg(path)) from (
        select s.owner, split_part(s.path, '/', 1) || '/' || split_part(s.path, '/', 2) || '/' || m.name || '/'
            || split_part(s.path, '/', 4) as path
        from mirror_state as s
        join unnest(cast(:collections as text[]), cast(:names as text[])) as m(collection, name)
            on split_part(s.path, '/', 3) = m.collection
        where not s.deleted limit 5000) as remains
""")
_HOLD = text("select reached from live_shapes where epoch = :epoch for update")
_REACHED = text("update live_shapes set reached = :reached, marked = marked + :marked")
_AHEAD = text("select count(*) from (select from changes limit :most) as waiting")
# A pass that has ended stands behind every owner.
_END = "users0"


def _pass(deps: Deps, live: Live, told: Told) -> None:
    """Marks what this step asks for, owner by owner, from where it was left; ends early if the step has changed."""
    while (reached := _batch(deps, live)) not in (None, _END):
        step("shape:marked")
        _tell(deps, told)
        while _ahead(deps) >= MARKS_AHEAD:
            time.sleep(_LOOK_SECONDS)
            _tell(deps, told)
    if reached is None:
        raise ShapeRefused("somebody else has changed the shape meanwhile")


@retrying
def _batch(deps: Deps, live: Live) -> str | None:
    with transaction(deps.engine) as connection:
        reached = connection.execute(_HOLD, {"epoch": live.epoch}).scalar_one_or_none()
        if reached is None or reached == _END:
            return reached
        collections, names = _asked(deps, live)
        last, marked, _ = connection.execute(
            _PASS,
            {"reached": reached, "owners": OWNERS_AT_ONCE, "collections": collections, "names": names,
             "heads": live.state != "building"},
        ).one()  # fmt: skip
        connection.execute(_REACHED, {"reached": last or _END, "marked": marked})
        return last or _END


def _asked(deps: Deps, live: Live) -> tuple[list[str], list[str]]:
    """Where the documents are found that a pass asks for, and by which names it marks them."""
    if live.state == "sweeping":
        return _places(live), list(live.own)
    if live.state != "building":
        return [], []
    editions = dict(_known(deps, live.shape).editions())
    named = [(edition_of(name), name) for name in live.own]
    pairs = [(collection(kind[0], editions[kind[0]]), name) for kind, name in named if kind and kind[0] in editions]
    return [place for place, _ in pairs], [name for _, name in pairs]


def _ahead(deps: Deps) -> int:
    with transaction(deps.engine) as connection:
        return int(connection.execute(_AHEAD, {"most": MARKS_AHEAD}).scalar_one())


def _turn(deps: Deps, live: Live, told: Told, following: Callable[[Live], Live]) -> Live:
    """Has every owner turned, and then changes the row; who signs up meanwhile is waited for too."""
    _pass(deps, live, told)
    while True:
        _wait(deps, live, told, _unturned)
        try:
            return _change(deps, following, turned=True)
        except _NotYet:
            _mark_what_remains(deps, live)


@retrying
def _mark_what_remains(deps: Deps, live: Live) -> None:
    """A commit from before the sweep may have been acknowledged after the pass had looked."""
    if live.state == "sweeping":
        with transaction(deps.engine) as connection:
            connection.execute(_MARK_REMAINS, {"collections": _places(live), "names": list(live.own)})


def _wait(deps: Deps, live: Live, told: Told, left: Callable[[Connection, Live], int]) -> None:
    """Waits until the mirrors are through with what a pass has marked."""
    while True:
        began = time.monotonic()
        with transaction(deps.engine) as connection:
            if _read(connection).epoch != live.epoch:
                raise ShapeRefused("somebody else has changed the shape meanwhile")
            if left(connection, live) == 0:
                return
        _tell(deps, told)
        time.sleep(max(_LOOK_SECONDS, 5 * (time.monotonic() - began)))


def _unturned(connection: Connection, live: Live) -> int:
    return int(connection.execute(_UNTURNED, {"epoch": live.epoch}).scalar_one())


def _marks_left(connection: Connection, live: Live) -> int:
    return int(connection.execute(_MARKS_LEFT, {"names": list(live.own)}).scalar_one())


def _tell(deps: Deps, told: Told) -> None:
    standing = read_standing(deps)
    total = standing.owners if standing.live.state != "building" else max(standing.marked, standing.left)
    told(standing.live.state, total - standing.left, total)


# --- verifying ---


def _verify(deps: Deps, told: Told) -> None:
    """Compares both shapes with the ledger, until every document was judged once. Raises ShapeRefused.

    Documents that are marked at every look are judged by mirror state (docs/consistency.md, rule 7.7).
    """
    Living(read_standing(deps).live, deps.shapes).require()
    unjudged, doubtful = _left(verify(deps), told)
    for _ in range(_VERIFY_TRIES):
        if not unjudged:
            return
        time.sleep(_LOOK_SECONDS)
        for user in sorted({path.split("/")[1] for path in unjudged}):
            marked, unknown = _left(verify(deps, user), told)
            others = {path for path in unjudged | doubtful if path.split("/")[1] != user}
            unjudged, doubtful = unjudged & (marked | others), doubtful & (unknown | others)
    if doubtful:
        raise ShapeRefused(
            "some documents are marked and not what a mirror wrote: see `livespend mirror verify --json`"
        )


def _left(report: Mapping[str, Any], told: Told) -> tuple[set[str], set[str]]:
    """Which documents were not judged by the ledger, and which of these not by mirror state. Raises ShapeRefused."""
    if any(report[kind] for kind in ("missing", "ghosts", "different")):
        raise ShapeRefused("the documents differ from the ledger: see `livespend mirror verify --json`")
    told("verifying", report["documents"], report["documents"])
    unjudged = {path for one in report["perUser"] for path in one["notJudged"]}
    return unjudged, unjudged - {path for one in report["perUser"] for path in one["acknowledged"]}


# --- names ---


def _known(deps: Deps, number: int) -> Shape:
    if number not in deps.shapes:
        raise ShapeUnknown(f"this release knows the shapes {sorted(deps.shapes)}, not {number}")
    return deps.shapes[number]


def _names(editions: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    return tuple(sorted(f"{kind}_v{edition}" for kind, edition in editions))


def _places(live: Live) -> list[str]:
    return [collection(*named) for name in live.own if (named := edition_of(name)) is not None]

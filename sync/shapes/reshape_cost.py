"""What a change of shape would take, before it is begun: counted from mirror state, measured on documents built now.

An upper estimate for a ledger that stands still; edits meanwhile are written in both shapes. Priced as the cost meter
prices (cost.py): writes, deletes, our own reads, and what open pages are told of, which after the flip is the whole new
shape as far as a page listens to it. Reads the ledger alone, so it works while Firestore is away. Called by
`livespend mirror shape plan` and `build`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync.deps import Deps
from sync.errors import ShapeRefused, ShapeUnknown
from sync.mirror.changes import Cursor, Live, Version
from sync.mirror.cost import LISTENED_ROWS, Prices, plain_amount, prices_of
from sync.mirror.documents import Unshowable, versioned
from sync.mirror.encode import Unencodable, encode
from sync.mirror.marks import read_owners
from sync.mirror.session import connect
from sync.paths import collection, moved, plain
from sync.shapes.shapes import Living, Shape

_SAMPLE = 200
_SUMMED = ("writes", "deletes", "reads", "expectedReads", "bytes", "cost")
_COUNTS = """
select split_part(path, '/', 3), count(*), count(distinct owner) from mirror_state where not deleted group by 1
"""
_SAMPLES = """
select owner, path from mirror_state where not deleted and split_part(path, '/', 3) = any (%s)
order by hashtext(path) limit %s
"""
_OWNERS_OF = """
select count(distinct owner) from mirror_state where not deleted and split_part(path, '/', 3) = any (%s)
"""
# A page reads whole collections, of transactions only the newest: at the flip it does so once more.
_ROWS_LISTENED = """
select coalesce(sum(least(documents, case when name like 'transactions%%' then %s else documents end)), 0)::bigint
from (select split_part(path, '/', 3) as name, owner, count(*) as documents from mirror_state
      where not deleted and split_part(path, '/', 3) = any (%s) group by 1, 2) as counted
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step takes of Firestore; `listened` are the documents that each open page is told of."""

    step: str
    writes: int = 0
    deletes: int = 0
    reads: int = 0
    bytes: int = 0
    listened: int = 0

    def as_json(self, prices: Prices) -> dict[str, Any]:
        """The step with its price; `expectedReads` are those of open pages."""
        cost = prices.of(self.writes, self.deletes, self.listened) + prices.reads * self.reads / 100_000
        return {
            "step": self.step, "writes": self.writes, "deletes": self.deletes, "reads": self.reads,
            "expectedReads": plain_amount(prices.listeners * self.listened), "bytes": self.bytes,
            "cost": plain_amount(cost),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """The whole change; `editions` are what the new shape does not share with the living one."""

    shape: int
    living: int
    owners: int
    editions: list[str]
    steps: list[Step]
    prices: Prices

    def as_json(self) -> dict[str, Any]:
        """The estimate with the names of the command line's JSON; amounts are exact decimals."""
        steps = [step.as_json(self.prices) for step in self.steps]
        return {
            "shape": self.shape, "living": self.living, "owners": self.owners, "editions": self.editions,
            "steps": steps, "currency": self.prices.currency,
            **{name: sum(step[name] for step in steps) for name in _SUMMED},
        }  # fmt: skip


def estimate(deps: Deps, number: int) -> Estimate:
    """Estimates building a shape, flipping to it, and sweeping the living one. Raises ShapeRefused, ShapeUnknown."""
    if number not in deps.shapes:
        raise ShapeUnknown(f"this release knows the shapes {sorted(deps.shapes)}, not {number}")
    connection = connect(deps.engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection, connection.cursor() as cursor:
            return _estimate(cursor, deps.shapes, number, prices_of(deps.settings))
    finally:
        connection.close()


def _estimate(cursor: Cursor, shapes: Mapping[int, Shape], number: int, prices: Prices) -> Estimate:
    cursor.execute("select epoch, shape, other, state from live_shapes")
    live = Live(*(cursor.fetchone() or ()))
    if live.shape == number:
        raise ShapeRefused(f"shape {number} is the one that lives")
    Living(live._replace(other=None), shapes).require()
    new = shapes[number].editions() - shapes[live.shape].editions()
    old = shapes[live.shape].editions() - shapes[number].editions()
    cursor.execute(_COUNTS)
    counts = {name: (documents, owners) for name, documents, owners in cursor.fetchall()}
    heads = counts.get("", (0, 0))[0]
    living_editions = dict(shapes[live.shape].editions())
    sources = [collection(kind, living_editions[kind]) for kind, _ in new if kind in living_editions]
    added = sum(counts.get(name, (0, 0))[0] for name in sources)
    dropped = sum(counts.get(collection(kind, edition), (0, 0))[0] for kind, edition in old)
    cursor.execute(_ROWS_LISTENED, (LISTENED_ROWS, sources))
    (listened,) = cursor.fetchone() or (0,)
    cursor.execute(_OWNERS_OF, (sources,))
    (guards,) = cursor.fetchone() or (0,)
    documents = sum(count for count, _ in counts.values())
    size = round(added * _bytes_each(cursor, shapes, live, number, sources))
    return Estimate(
        number, live.shape, heads, sorted(f"{kind}_v{edition}" for kind, edition in new),
        [
            Step("build", writes=added + guards, bytes=size, listened=guards),
            Step("verify", reads=documents + added),
            Step("flip", writes=heads, listened=heads + listened),
            Step("sweep", writes=heads, deletes=dropped, listened=heads),
        ],
        prices,
    )  # fmt: skip


def _bytes_each(cursor: Cursor, shapes: Mapping[int, Shape], live: Live, number: int, sources: list[str]) -> float:
    """Bytes of a document of the new shape, as some of them are when they are built now."""
    cursor.execute(_SAMPLES, (sources, _SAMPLE))
    sample = [(owner, plain(path)) for owner, path in cursor.fetchall()]
    if not sample:
        return 0.0
    rows = {row.owner: row for row in read_owners(cursor, sorted({owner for owner, _ in sample}))}
    editions = dict(shapes[number].editions())
    own = tuple(f"{kind}_v{edition}" for kind, edition in shapes[number].editions() - shapes[live.shape].editions())
    living = Living(Live(live.epoch, live.shape, number, "building", own), shapes)
    places = [moved(path, editions[path.split("/")[2]]) for _, path in sample]
    sizes = [_size(content) for content in living.project(cursor, places, rows).values()]
    return sum(sizes) / max(1, len(sizes))


def _size(content: Any) -> int:
    if isinstance(content, Unshowable):
        return 0
    try:
        return len(encode(versioned(Version(1, 1), content)).body)
    except Unencodable:
        return 0

"""What the mirror's writes cost in Firestore: writes, deletes, bytes, index entries, reads of pages that listen.

Pure. Facts are counted per kind of document; what depends on assumptions (prices, how many pages are open) is worked
out from the facts when somebody asks. Index entries follow Firestore's rules for automatic indexes: a plain field is in
an ascending and a descending one, each element of an array in one, the fields of a map like fields of their own; one
more per composite index whose fields a document has; exemptions as in firestore.indexes.json. They are counted per
shape of document and not by walking each. Called by meter.py and cost_report.py.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from sync.errors import InvalidSettings
from sync.mirror.changes import Acknowledgement
from sync.settings import Settings

HEAD = "head"
# The page listens to the newest rows of one month; the rest of it is whole collections, and the head.
LISTENED_ROWS = 100
_PER = 100_000

# The fields of each kind that hold now a value, now a list or a map: they are counted document by document.
_VARIABLE: Mapping[str, tuple[str, ...]] = {"transactions": ("splits", "review"), "accounts": ("gapLikely",)}


@dataclass(slots=True)
class Cost:
    """Facts of one kind of document; `listened` are the writes that an open page is told of."""

    changes: int = 0
    writes: int = 0
    deletes: int = 0
    bytes: int = 0
    index_entries: int = 0
    listened: int = 0


Costs: TypeAlias = dict[str, Cost]


def kind_of(path: str) -> str:
    """The kind of a document: its collection, which may name an edition, or that it is a head."""
    segments = path.split("/", 3)
    return HEAD if len(segments) == 2 else segments[2]


def _bare(kind: str) -> str:
    return kind.partition("_v")[0]


class Prices(NamedTuple):
    """What Firestore takes for 100,000 operations, and how many pages are held to be open per user."""

    writes: Decimal
    deletes: Decimal
    reads: Decimal
    listeners: Decimal
    currency: str

    def of(self, writes: int, deletes: int, listened: int) -> Decimal:
        """What so much costs; exact."""
        return (self.writes * writes + self.deletes * deletes + self.reads * self.listeners * listened) / _PER


def prices_of(settings: Settings) -> Prices:
    """The prices that the settings say."""
    return Prices(
        settings.cost_price_writes, settings.cost_price_deletes, settings.cost_price_reads, settings.cost_listeners,
        settings.cost_currency,
    )  # fmt: skip


def plain_amount(amount: Decimal) -> Decimal:
    """Without trailing zeros and without an exponent."""
    return Decimal(f"{amount.normalize():f}")


# --- index entries ---


class _Rule(NamedTuple):
    """In how many indexes a plain value, and each element of a list, stands."""

    plain: int
    element: int


_AUTOMATIC = _Rule(2, 1)


@dataclass
class Indexes:
    """What is indexed, by collection; shapes of documents that were seen are remembered."""

    exempt: dict[tuple[str, str], _Rule] = field(default_factory=dict)
    composite: dict[str, list[frozenset[str]]] = field(default_factory=dict)
    _shapes: dict[tuple[str, int], tuple[int, list[tuple[str, _Rule]]]] = field(default_factory=dict)

    def entries(self, kind: str, fields: Mapping[str, Any]) -> int:
        """Index entries of one document."""
        shape = self._shapes.get((kind, len(fields)))
        if shape is None:
            shape = self._shapes[kind, len(fields)] = self._shape(kind, fields)
        entries, variable = shape
        for name, rule in variable:
            value = fields[name]
            if isinstance(value, list):
                entries += rule.element * len(value)
            else:
                entries += rule.plain if value is None else self._value(kind, name, value, rule)
        return entries

    def walked(self, kind: str, fields: Mapping[str, Any]) -> int:
        """As `entries`, by walking the whole document."""
        composite = sum(names <= fields.keys() for names in self.composite.get(kind, ()))
        return composite + sum(self._value(kind, name, value, _AUTOMATIC) for name, value in fields.items())

    def _shape(self, kind: str, fields: Mapping[str, Any]) -> tuple[int, list[tuple[str, _Rule]]]:
        variable = [name for name in _VARIABLE.get(_bare(kind), ()) if name in fields]
        varying = sum(self._value(kind, name, fields[name], _AUTOMATIC) for name in variable)
        rules = [(name, self.exempt.get((kind, name), _AUTOMATIC)) for name in variable]
        return self.walked(kind, fields) - varying, rules

    def _value(self, kind: str, path: str, value: Any, inherited: _Rule) -> int:
        rule = self.exempt.get((kind, path), inherited)
        if isinstance(value, list):
            return rule.element * len(value)
        if not isinstance(value, Mapping):
            return rule.plain
        return sum(self._value(kind, f"{path}.{name}", inner, rule) for name, inner in value.items())


def read_indexes(path: Path) -> Indexes:
    """Reads an index file as it is deployed; without one everything is held to be indexed. Raises InvalidSettings."""
    if not path.is_file():
        return Indexes()
    try:
        return _parsed(json.loads(path.read_text()))
    except (ValueError, LookupError, TypeError) as error:
        raise InvalidSettings([f"FIRESTORE_INDEXES_FILE is no file of indexes: {error!r}"]) from error


def _parsed(deployed: Mapping[str, Any]) -> Indexes:
    found = Indexes()
    for index in deployed.get("indexes", []):
        names = frozenset(part["fieldPath"] for part in index["fields"])
        found.composite.setdefault(_kind(index), []).append(names)
    for override in deployed.get("fieldOverrides", []):
        orders = sum("order" in one for one in override["indexes"])
        found.exempt[_kind(override), override["fieldPath"]] = _Rule(orders, len(override["indexes"]) - orders)
    return found


def _kind(entry: Mapping[str, Any]) -> str:
    group: str = entry["collectionGroup"]
    return HEAD if group == "users" else group


# --- what an acknowledgement settles ---


def costs_of(settled: Acknowledgement, indexes: Indexes) -> Costs:
    """The costs of one commit, by kind. What was found written by a commit whose answer was lost counts as a write."""
    costs: defaultdict[str, Cost] = defaultdict(Cost)
    for write in settled.writes:
        kind = kind_of(write.path)
        cost = costs[kind]
        if write.content is None:
            cost.deletes += 1
        else:
            cost.writes += 1
            cost.index_entries += indexes.entries(kind, write.content)
        cost.bytes += len(write.request)
    for collection, changes in Counter(path.rpartition("/")[0] for path, _ in settled.marks).items():
        costs[kind_of(f"{collection}/")].changes += changes
    if len(settled.shown) > len(settled.writes):
        _add_adopted(settled, costs)
    for kind, cost in costs.items():
        cost.listened = min(cost.writes, LISTENED_ROWS) if _bare(kind) == "transactions" else cost.writes
    return costs


def _add_adopted(settled: Acknowledgement, costs: Costs) -> None:
    written = {write.path for write in settled.writes}
    marked = {path for path, _ in settled.marks}
    for shown in settled.shown:
        if shown.path not in written and shown.path in marked and not shown.held.deleted:
            costs[kind_of(shown.path)].writes += 1


def total(costs: Sequence[Cost]) -> Cost:
    """All of them together."""
    return Cost(*(sum(getattr(cost, name) for cost in costs) for name in Cost.__dataclass_fields__))

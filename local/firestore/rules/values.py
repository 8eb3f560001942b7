"""The values of the rules language, kept as distinct as Firestore keeps them (a bool is no int, a set no list).

null, bool, int, float, string, bytes, list and map are Python's own; the others are the small classes below.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .errors import EvaluationError

ROOT = ("databases", "(default)", "documents")
UNBOUND = "\0"  # before a placeholder of a path literal
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Reference:
    """A stored reference to the document at `path`, relative to the database, such as `users/u1`."""

    path: str


@dataclass(frozen=True, slots=True)
class GeoPoint:
    """A stored point on Earth, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A moment, in nanoseconds since 1970-01-01 UTC, within the years 1 to 9999."""

    nanos: int

    def __post_init__(self) -> None:
        if not -62_135_596_800 <= self.nanos // _SECOND <= 253_402_300_799:
            raise EvaluationError("timestamp out of range")

    @staticmethod
    def of(moment: datetime) -> Timestamp:
        since = moment - _EPOCH
        micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        return Timestamp(micros * 1_000 + getattr(moment, "nanosecond", 0) % 1_000)

    def moment(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.nanos // 1_000)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time in nanoseconds, up to some 10,000 years."""

    nanos: int

    def __post_init__(self) -> None:
        if abs(self.nanos) > 315_576_000_000 * _SECOND:
            raise EvaluationError("duration out of range")


@dataclass(frozen=True, slots=True)
class Path:
    """A path as its segments, without the leading slash."""

    segments: tuple[str, ...]

    def __str__(self) -> str:
        return "/" + "/".join(self.segments)

    @staticmethod
    def of_document(relative: str) -> Path:
        return Path((*ROOT, *(segment for segment in relative.split("/") if segment)))

    def document(self) -> str:
        """The path relative to the database; raises EvaluationError if it names no document."""
        root, rest = self.segments[: len(ROOT)], self.segments[len(ROOT) :]
        if root != ROOT or not rest or len(rest) % 2 or any("/" in segment or not segment for segment in rest):
            raise EvaluationError(f"no document path: {self}")
        return "/".join(rest)


class RuleSet:
    """An unordered set of any values; it does not tell 1 from 1.0, as the vendor's does not."""

    __slots__ = ("items",)

    def __init__(self, items: Iterable[object]) -> None:
        self.items: list[object] = []
        for item in items:
            if not self.has(item):
                self.items.append(item)

    def has(self, wanted: object) -> bool:
        return any(alike(item, wanted) for item in self.items)


@dataclass(frozen=True, slots=True)
class MapDiff:
    """What `new.diff(old)` answers."""

    new: dict[str, object]
    old: dict[str, object]


@dataclass(frozen=True, slots=True)
class Constraint:
    """A field of every document a query can return, of which only the filters (operator, value) are known."""

    clauses: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A bound name without a value: reading it raises the error again."""

    error: EvaluationError


def to_value(stored: object) -> object:
    """The rules value of a stored or decoded Python value; raises TypeError on a type that Firestore does not have."""
    if stored is None or isinstance(stored, bool | int | float | str | bytes | GeoPoint):
        return stored
    if isinstance(stored, datetime):
        return Timestamp.of(stored)
    if isinstance(stored, Reference):
        return Path.of_document(stored.path)
    if isinstance(stored, dict):
        return {str(key): to_value(value) for key, value in stored.items()}
    if isinstance(stored, list | tuple):
        return [to_value(value) for value in stored]
    raise TypeError(f"Firestore stores no {type(stored).__name__}")


def to_map(stored: dict[str, object]) -> dict[str, object]:
    """The rules map of a stored document."""
    return {str(key): to_value(value) for key, value in stored.items()}


def type_name(value: object) -> str:
    """The name the language gives to the value's type."""
    return _NAMES.get(type(value), "unknown")


_NAMES: dict[type, str] = {
    type(None): "null", bool: "bool", int: "int", float: "float", str: "string", bytes: "bytes", list: "list",
    dict: "map", RuleSet: "set", Path: "path", Timestamp: "timestamp", Duration: "duration", GeoPoint: "latlng",
    MapDiff: "map diff", Constraint: "query constraint",
}  # fmt: skip


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(a: object, b: object, *, nested: bool = False) -> bool:
    """The language's ==: never an error between types; inside a list or map an int is not a float."""
    if isinstance(a, Constraint) or isinstance(b, Constraint):
        raise EvaluationError("the query does not decide this field")
    if is_number(a) and is_number(b):
        return a == b and (not nested or type(a) is type(b))
    if type(a) is not type(b):
        return False
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(equal(x, y, nested=True) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key], nested=True) for key in a)
    if isinstance(a, RuleSet) and isinstance(b, RuleSet):
        return len(a.items) == len(b.items) and all(map(b.has, a.items))
    return a == b


def contains(items: Iterable[object], wanted: object) -> bool:
    """Whether a list holds the value; an element is inside something, so 1 is not 1.0 here."""
    return any(equal(item, wanted, nested=True) for item in items)


def alike(a: object, b: object) -> bool:
    """Equality as sets see it: 1 is 1.0 however deep."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(alike(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    return equal(a, b)


def less(a: object, b: object) -> bool:
    """a < b for two comparable values; raises EvaluationError for any other pair."""
    if not comparable(a, b):
        raise EvaluationError(f"cannot order {type_name(a)} and {type_name(b)}")
    if isinstance(a, Timestamp | Duration) and isinstance(b, Timestamp | Duration):
        return a.nanos < b.nanos
    return a < b  # type: ignore[operator, no-any-return]


def comparable(a: object, b: object) -> bool:
    if is_number(a) and is_number(b):
        return True
    return type(a) is type(b) and isinstance(a, str | bytes | Timestamp | Duration)

"""Random values, fields and document names: few enough to collide, odd enough to matter."""

from __future__ import annotations

from random import Random
from typing import Any

from local.firestore import pb
from tests.differential.firestore.program import ROOT

_INTEGERS = [0, 1, -1, 2, 3, 7, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
_DOUBLES = [
    0.0,
    -0.0,
    1.0,
    1.5,
    -1.5,
    3.0,
    1e300,
    -1e300,
    9007199254740993.0,
    9.3e18,
    float("nan"),
    float("inf"),
    float("-inf"),
]
_STRINGS = ["", "a", "A", "b", "ab", "é", "\u00e9\u0301", "z", "\uffee", "😀", "a\u0000b", "__x__", "a.b"]
_BYTES = [b"", b"\x00", b"\x01", b"a", b"\xff"]
_MOMENTS = [(0, 0), (1, 0), (-1, 999_999_000), (1_000_000_000, 123_456_000), (1_000_000_000, 123_456_789)]
_POINTS = [(0.0, 0.0), (1.5, -1.5), (-90.0, 180.0), (1.5, 2.0)]

FIELDS = ["a", "b", "c", "m", "m.x", "m.y", "t", "n", "`odd name`", "`a.b`", "m.`0`"]
COLLECTIONS = ["c", "d", "c/d0/s", "c/d1/s", "x/y/s"]
IDS = ["d0", "d1", "d2", "d3", "d4", "é", "😀", "__id7__", "__id-3__", "__id12__", "z z"]


def value(rng: Random, depth: int = 0) -> Any:
    """A value of any kind."""
    kinds = ["null", "bool", "integer", "integer", "double", "time", "string", "string", "bytes", "reference", "point"]
    kind = rng.choice(kinds if depth > 1 else [*kinds, "array", "array", "map", "map", "vector"])
    return _MAKERS[kind](rng, depth)


def number(rng: Random) -> Any:
    return _integer(rng, 0) if rng.random() < 0.6 else _double(rng, 0)


def document_name(rng: Random, collection: str | None = None) -> str:
    return f"{ROOT}/{document_path(rng, collection)}"


def document_path(rng: Random, collection: str | None = None) -> str:
    return f"{collection or rng.choice(COLLECTIONS)}/{rng.choice(IDS[:5] if rng.random() < 0.8 else IDS)}"


def fill(rng: Random, fields: Any) -> None:
    """Some fields of a document."""
    for name in rng.sample(["a", "b", "c", "n", "t"], rng.randint(0, 4)):
        fields[name].CopyFrom(value(rng))
    if rng.random() < 0.5:
        fields["m"].CopyFrom(_map(rng, 0))
    if rng.random() < 0.5:
        fields["t"].CopyFrom(_array(rng, 0))
    if rng.random() < 0.6:
        fields["n"].CopyFrom(number(rng))
    if rng.random() < 0.1:
        fields[rng.choice(["odd name", "a.b", "é", "`"])].CopyFrom(value(rng))


def elements(rng: Random) -> list[Any]:
    """Elements of an array, seldom such as it may not hold."""
    found = [value(rng, 1) for _ in range(rng.randint(0, 3))]
    return [each for each in found if rng.random() < 0.03 or not _is_refused(each)]


def _is_refused(element: Any) -> bool:
    return bool(element.WhichOneof("value_type") == "array_value" or "__type__" in element.map_value.fields)


def _integer(rng: Random, _depth: int) -> Any:
    return pb.Value(integer_value=rng.choice(_INTEGERS[:6] if rng.random() < 0.7 else _INTEGERS))


def _double(rng: Random, _depth: int) -> Any:
    return pb.Value(double_value=rng.choice(_DOUBLES))


def _moment(rng: Random, _depth: int) -> Any:
    seconds, nanos = rng.choice(_MOMENTS)
    made = pb.Value()
    made.timestamp_value.seconds, made.timestamp_value.nanos = seconds, nanos
    made.timestamp_value.SetInParent()
    return made


def _point(rng: Random, _depth: int) -> Any:
    made = pb.Value()
    made.geo_point_value.SetInParent()
    made.geo_point_value.latitude, made.geo_point_value.longitude = rng.choice(_POINTS)
    return made


def _array(rng: Random, _depth: int) -> Any:
    made = pb.Value()
    made.array_value.SetInParent()
    made.array_value.values.extend(elements(rng))
    return made


def _map(rng: Random, depth: int) -> Any:
    made = pb.Value()
    made.map_value.SetInParent()
    for name in rng.sample(["x", "y", "0", "é"], rng.randint(0, 3)):
        made.map_value.fields[name].CopyFrom(value(rng, depth + 1))
    return made


def _vector(rng: Random, _depth: int) -> Any:
    made = pb.Value()
    made.map_value.fields["__type__"].string_value = "__vector__"
    inner = made.map_value.fields["value"].array_value
    inner.SetInParent()
    inner.values.extend(pb.Value(double_value=rng.choice([0.0, 1.0, 2.5])) for _ in range(rng.randint(1, 3)))
    return made


_MAKERS: dict[str, Any] = {
    "null": lambda _rng, _depth: pb.Value(null_value=0),
    "bool": lambda rng, _depth: pb.Value(boolean_value=rng.random() < 0.5),
    "integer": _integer,
    "double": _double,
    "time": _moment,
    "string": lambda rng, _depth: pb.Value(string_value=rng.choice(_STRINGS)),
    "bytes": lambda rng, _depth: pb.Value(bytes_value=rng.choice(_BYTES)),
    "reference": lambda rng, _depth: pb.Value(reference_value=document_name(rng)),
    "point": _point,
    "array": _array,
    "map": _map,
    "vector": _vector,
}

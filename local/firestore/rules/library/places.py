"""Points on Earth and document paths."""

from __future__ import annotations

import math
import re

from ..errors import EvaluationError
from ..values import UNBOUND, GeoPoint, Path
from .conversions import to_float, to_string
from .table import Entry, Key, want

_EARTH_METRES = 6_371_010.0
# A placeholder of a path literal is no segment until it is bound: it equals nothing, not even its own spelling.
_PLACEHOLDER = re.compile(UNBOUND + r"?\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _point(latitude: object, longitude: object) -> GeoPoint:
    north, east = (to_float(want((int, float), value)) for value in (latitude, longitude))
    if not (-90 <= north <= 90 and -180 <= east <= 180):
        raise EvaluationError("no such place on Earth")
    return GeoPoint(north, east)


def _distance(here: GeoPoint, other: object) -> float:
    there = want(GeoPoint, other)
    north, south = math.radians(here.latitude), math.radians(there.latitude)
    across = math.radians(there.longitude - here.longitude)
    half = math.sin((south - north) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(across / 2) ** 2
    return 2 * _EARTH_METRES * math.asin(min(1.0, math.sqrt(half)))


def _path(text: object) -> Path:
    segments = tuple(want(str, text).removeprefix("/").split("/"))
    if not all(segments):
        raise EvaluationError("a path has no empty segments")
    return Path(segments)


def _bind(path: Path, values: object) -> Path:
    given = want(dict, values)
    names = [found.group(1) if (found := _PLACEHOLDER.fullmatch(segment)) else None for segment in path.segments]
    if {name for name in names if name} != set(given):
        raise EvaluationError("bind needs exactly the placeholders of the path")
    filled = (to_string(given[name]) if name else segment for name, segment in zip(names, path.segments, strict=True))
    return Path(tuple(filled))


METHODS: dict[Key, Entry] = {
    ("latlng", "latitude"): Entry(lambda point: point.latitude),
    ("latlng", "longitude"): Entry(lambda point: point.longitude),
    ("latlng", "distance"): Entry(_distance, (1,)),
    ("path", "bind"): Entry(_bind, (1,)),
}
FUNCTIONS: dict[str, Entry] = {
    "latlng.value": Entry(_point, (2,)),
    "path": Entry(_path, (1,)),
}

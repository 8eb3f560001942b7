"""Values as plain Python: for the rules, for dumps and for people."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from local.firestore import pb
from local.firestore.clock import as_datetime, microseconds_of


class Plain:
    """Turns values into Python, with the caller's own types for references and points."""

    def __init__(self, reference: Callable[[str], Any], point: Callable[[float, float], Any]) -> None:
        self._special: dict[str, Callable[[pb.Value], Any]] = {
            "map_value": lambda value: self.fields(value.map_value.fields),
            "array_value": self._element_values,
            "timestamp_value": lambda value: as_datetime(microseconds_of(value.timestamp_value)),
            "reference_value": lambda value: reference(value.reference_value.partition("/documents/")[2]),
            "geo_point_value": lambda value: point(value.geo_point_value.latitude, value.geo_point_value.longitude),
        }

    def fields(self, fields: Mapping[str, pb.Value]) -> dict[str, Any]:
        return {name: self.value(value) for name, value in fields.items()}

    def value(self, value: pb.Value) -> Any:
        kind = value.WhichOneof("value_type")
        if kind is None or kind == "null_value":
            return None
        special = self._special.get(kind)
        return getattr(value, kind) if special is None else special(value)

    def _element_values(self, value: pb.Value) -> list[Any]:
        return [self.value(element) for element in value.array_value.values]


# References as paths, points as maps: for dumps and for the page.
SHOWN = Plain(str, lambda latitude, longitude: {"latitude": latitude, "longitude": longitude})


def as_json(value: Any) -> Any:
    """`json.dumps(default=as_json)`: times as ISO text, bytes as base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat()

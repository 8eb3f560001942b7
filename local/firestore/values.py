"""Values: their order across types, their equality, their size, and what a value may be.

`order_key` turns a Value message into a tuple that Python compares as the service does: null < bool < number (NaN
first) < timestamp < string < bytes < reference < geo point < array < vector < map. Equal keys are equal values
for queries (3 and 3.0 too).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from local.firestore import names, pb
from local.firestore.errors import invalid

Key: TypeAlias = tuple[Any, ...]

NULL, BOOL, NUMBER, TIME, STRING, BYTES, REFERENCE, GEO, ARRAY, VECTOR, MAP = range(11)
NULL_KEY: Key = (NULL,)
NAN_KEY: Key = (NUMBER, 0, 0)
MAX_DEPTH = 20
MAX_DOCUMENT_BYTES = 1024 * 1024
_MAX_FIELD_BYTES = 1500
_MAX_VALUE_BYTES = MAX_DOCUMENT_BYTES - 89


def order_key(value: pb.Value) -> Key:
    """A tuple that sorts and compares as the value does."""
    kind = value.WhichOneof("value_type")
    if kind == "string_value":
        return (STRING, value.string_value.encode())
    if kind == "integer_value":
        return (NUMBER, 1, value.integer_value)
    if kind is None or kind == "null_value":
        return NULL_KEY
    return _KEYS[kind](value)


def equal(left: pb.Value, right: pb.Value) -> bool:
    """Whether two values are equal for a query (and for array transforms)."""
    return order_key(left) == order_key(right)


def is_nan(value: pb.Value) -> bool:
    return value.WhichOneof("value_type") == "double_value" and math.isnan(value.double_value)


def reference_key(name: str) -> names.PathKey:
    """Sorts a full resource name by its segments."""
    return tuple(names.segment_key(segment) for segment in name.split("/"))


def stored_key(value: pb.Value) -> Key:
    """The key that the value has once it is stored, which cuts times to the microsecond."""
    kind = value.WhichOneof("value_type")
    if kind == "timestamp_value":
        return (TIME, value.timestamp_value.seconds, value.timestamp_value.nanos // 1000 * 1000)
    return order_key(value)


def _number_key(value: pb.Value) -> Key:
    number = value.double_value
    return NAN_KEY if math.isnan(number) else (NUMBER, 1, number)


def _map_key(value: pb.Value) -> Key:
    fields = value.map_value.fields
    if is_vector(value):
        elements = fields["value"].array_value.values
        return (VECTOR, len(elements), tuple(order_key(element) for element in elements))
    return (MAP, tuple((name.encode(), order_key(fields[name])) for name in sorted(fields, key=str.encode)))


def is_vector(value: pb.Value) -> bool:
    """Whether a map is the service's encoding of a vector."""
    fields = value.map_value.fields
    return "__type__" in fields and fields["__type__"].string_value == "__vector__"


_KEYS = {
    "boolean_value": lambda value: (BOOL, value.boolean_value),
    "double_value": _number_key,
    "timestamp_value": lambda value: (TIME, value.timestamp_value.seconds, value.timestamp_value.nanos),
    "bytes_value": lambda value: (BYTES, value.bytes_value),
    "reference_value": lambda value: (REFERENCE, reference_key(value.reference_value)),
    "geo_point_value": lambda value: (GEO, value.geo_point_value.latitude, value.geo_point_value.longitude),
    "array_value": lambda value: (ARRAY, tuple(order_key(element) for element in value.array_value.values)),
    "map_value": _map_key,
}


def check_document(path: str, fields: Any) -> None:
    """Raises INVALID_ARGUMENT for fields that the service would not store below this path; rounds times."""
    size = 32 + 16 + sum(len(segment.encode()) + 1 for segment in path.split("/"))
    size += _map_size(fields, 1)
    if size > MAX_DOCUMENT_BYTES:
        raise invalid(
            f'Document "{path}" cannot be written because its size ({size:,} bytes) exceeds the maximum allowed size '
            f"of {MAX_DOCUMENT_BYTES:,} bytes."
        )


def check_written(fields: Any) -> None:
    """Raises INVALID_ARGUMENT for fields that nobody may write, whatever the mask keeps of them."""
    for name in fields:
        _check_written(fields[name])


def _check_written(value: pb.Value) -> None:
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        check_written(value.map_value.fields)
    elif kind == "array_value":
        check_elements(value.array_value.values)


def check_elements(elements: Iterable[pb.Value]) -> None:
    """Raises INVALID_ARGUMENT for what an array may not hold."""
    for element in elements:
        kind = element.WhichOneof("value_type")
        if kind == "array_value":
            raise invalid("Cannot convert an array value in an array value.")
        if kind == "map_value" and is_vector(element):
            raise invalid("Cannot convert a vector value in an array value.")
        _check_written(element)


def _map_size(fields: Any, depth: int) -> int:
    size = 0
    for name in fields:
        length = len(name) if _marks_vector(name, fields) else check_field_name(name)
        size += length + 1 + _size(fields[name], depth)
    return size


def check_field_name(name: str) -> int:
    """Its bytes; raises INVALID_ARGUMENT for a name that no field may have."""
    length = len(name.encode())
    if not length or length > _MAX_FIELD_BYTES:
        raise invalid(f'Field name "{name[:60]}" must have 1 to {_MAX_FIELD_BYTES} bytes.')
    if length > 4 and name.startswith("__") and name.endswith("__"):
        raise invalid(f'Field name "{name}" is invalid because it is reserved.')
    return length


def _marks_vector(name: str, fields: Any) -> bool:
    return name == "__type__" and fields[name].string_value == "__vector__"


def _size(value: pb.Value, depth: int) -> int:
    kind = value.WhichOneof("value_type")
    if kind == "string_value":
        return _bounded(len(value.string_value.encode())) + 1
    if kind in _FIXED_SIZES:
        return _FIXED_SIZES[kind]
    if kind in _CHECKED_SIZES:
        return _CHECKED_SIZES[kind](value)
    if kind not in {"map_value", "array_value"}:
        raise invalid(f"Cannot convert firestore.v1.Value with type {kind or 'unset'}.")
    if depth > MAX_DEPTH:
        raise invalid(f"Maps and arrays may be nested {MAX_DEPTH} levels deep at most.")
    if kind == "map_value":
        return _map_size(value.map_value.fields, depth + 1)
    return sum(_size(element, depth + 1) for element in value.array_value.values)


def _bounded(size: int) -> int:
    if size > _MAX_VALUE_BYTES:
        raise invalid(f"A value is longer than {_MAX_VALUE_BYTES} bytes.")
    return size


def _time_size(value: pb.Value) -> int:
    """Times are kept in microseconds, rounded down."""
    time = value.timestamp_value
    if not (_FIRST_SECOND <= time.seconds <= _LAST_SECOND and 0 <= time.nanos < 1_000_000_000):
        raise invalid("A timestamp must lie between the years 1 and 9999.")
    if time.nanos % 1000:
        time.nanos -= time.nanos % 1000
    return 8


def _point_size(value: pb.Value) -> int:
    point = value.geo_point_value
    if not -90 <= point.latitude <= 90:
        raise invalid(f"Geo point latitude '{point.latitude}' outside permitted range -90.0 to 90.0.")
    if not -180 <= point.longitude <= 180:
        raise invalid(f"Geo point longitude '{point.longitude}' outside permitted range -180.0 to 180.0.")
    return 16


def _reference_size(value: pb.Value) -> int:
    name = value.reference_value
    names.document_path(names.database_of(name), name)
    return len(name.encode()) + 16


_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_FIXED_SIZES: dict[str | None, int] = {"null_value": 1, "boolean_value": 1, "integer_value": 8, "double_value": 8}
_CHECKED_SIZES: dict[str | None, Callable[[pb.Value], int]] = {
    "bytes_value": lambda value: _bounded(len(value.bytes_value)),
    "timestamp_value": _time_size,
    "geo_point_value": _point_size,
    "reference_value": _reference_size,
}

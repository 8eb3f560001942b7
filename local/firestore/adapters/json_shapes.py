"""What protobuf's own JSON reader lets pass and the service does not: bytes that are no base64, a boolean for a
number, a list for a message. Called by json_codec.py before a body is read."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from local.firestore.errors import FirestoreError, invalid

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2}(?:==)?|[A-Za-z0-9+/_-]{3}=?)?")
_FLOATS = {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}


def check_shapes(descriptor: Descriptor, body: Any, place: str = "") -> None:
    """Raises INVALID_ARGUMENT with the place; unknown names and what protobuf itself refuses are passed over."""
    if descriptor.full_name.startswith("google.protobuf."):
        return
    if not isinstance(body, dict):
        raise _bad(place, descriptor.name, "an object is expected")
    fields = _fields(descriptor)
    for name, value in body.items():
        field = fields.get(name)
        if field is not None and value is not None:
            _check_field(field, value, f"{place}.{name}" if place else name)


def _check_field(field: FieldDescriptor, value: Any, place: str) -> None:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        content = kind.fields_by_name["value"]
        if isinstance(value, dict) and content.message_type is not None:
            for key, each in value.items():
                check_shapes(content.message_type, each, f"{place}[{key}]")
    elif field.is_repeated:
        for number, each in enumerate(value if isinstance(value, list) else ()):
            _check_one(field, each, f"{place}[{number}]")
    else:
        _check_one(field, value, place)


def _check_one(field: FieldDescriptor, value: Any, place: str) -> None:
    if field.message_type is not None:
        if value is not None:
            check_shapes(field.message_type, value, place)
    elif field.type == FieldDescriptor.TYPE_BYTES:
        if not isinstance(value, str) or not _BASE64.fullmatch(value):
            raise _bad(place, "TYPE_BYTES", "base64 is expected")
    elif isinstance(value, bool) and (field.type in _FLOATS or field.enum_type is not None):
        raise _bad(place, field.name, "no boolean is expected")


@lru_cache
def _fields(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    return {name: field for field in descriptor.fields for name in (field.name, field.json_name)}


def _bad(place: str, kind: str, why: str) -> FirestoreError:
    return invalid(f"Invalid JSON payload received. Invalid value at '{place}' ({kind}): {why}.")

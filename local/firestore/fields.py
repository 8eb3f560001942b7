"""Field paths (``a.`b-c`.d``) and what they reach inside the field map of a document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeAlias

from local.firestore import pb
from local.firestore.errors import invalid

FieldPath: TypeAlias = tuple[str, ...]

NAME: FieldPath = ("__name__",)
_SIMPLE = re.compile(r"[a-zA-Z_][a-zA-Z_0-9]*")
_SEGMENT = re.compile(r"([a-zA-Z_][a-zA-Z_0-9]*)|`((?:[^`\\]|\\.)*)`")
_ESCAPED = re.compile(r"\\(.)")


@lru_cache(maxsize=4096)
def parse(text: str) -> FieldPath:
    """The names that a field path walks through; raises INVALID_ARGUMENT when it is malformed."""
    names: list[str] = []
    position = 0
    while True:
        found = _SEGMENT.match(text, position)
        name = None if not found else found.group(1) or _ESCAPED.sub(r"\1", found.group(2) or "")
        if not found or not name:
            raise invalid(f'Invalid property path "{text}".')
        names.append(name)
        position = found.end()
        if position == len(text):
            return tuple(names)
        if text[position] != ".":
            raise invalid(f'Invalid property path "{text}".')
        position += 1


def render(path: FieldPath) -> str:
    """The written form of a path; the inverse of `parse`."""
    return ".".join(name if _SIMPLE.fullmatch(name) else _quote(name) for name in path)


def _quote(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def get(fields: Any, path: FieldPath) -> pb.Value | None:
    """The value at a path, or None where there is none."""
    last = len(path) - 1
    for position, name in enumerate(path):
        if name not in fields:
            return None
        value = fields[name]
        if position == last:
            return value
        if value.WhichOneof("value_type") != "map_value":
            return None
        fields = value.map_value.fields
    return None


def put(fields: Any, path: FieldPath, value: pb.Value) -> None:
    """Sets the value at a path; what stands in the way of it becomes a map."""
    for name in path[:-1]:
        step = fields[name]
        if step.WhichOneof("value_type") != "map_value":
            step.map_value.SetInParent()
        fields = step.map_value.fields
    fields[path[-1]].CopyFrom(value)


def drop(fields: Any, path: FieldPath) -> None:
    """Removes the value at a path; nothing happens where there is none."""
    for name in path[:-1]:
        if name not in fields or fields[name].WhichOneof("value_type") != "map_value":
            return
        fields = fields[name].map_value.fields
    fields.pop(path[-1], None)


def project(fields: Any, paths: Iterable[FieldPath], into: Any) -> None:
    """Copies only the named fields into another field map."""
    for path in paths:
        value = get(fields, path)
        if value is not None:
            put(into, path, value)

"""Firestore's wire format, written by hand: a document's fields as the bytes that protobuf would make of them.

Byte for byte the deterministic serialisation of the message `google.firestore.v1.Document` (map keys in order), a
fifth of the time of filling its protobuf class field by field, and the digest needs no second serialisation. A test
holds it to the class. What repeats from document to document (nothing, a category, a currency) is kept ready per field,
up to a bounded number. Pure but for that; raises ValueError or TypeError for what the format cannot carry. Called by
encode.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INT64 = 1 << 63
_READY_MOST = 500
_READY: dict[str, dict[Any, bytes]] = {}
_MANY = 1 << 14
_VARINTS = tuple(bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7)) for n in range(_MANY))

_UPDATE, _DELETE, _REQUIRED = b"\x0a", b"\x12", b"\x22"  # of a Write
_NAME, _FIELD = b"\x0a", b"\x12"  # of a Document
_ABSENT = b"\x22\x02\x08\x00"  # current_document { exists: false }


def varint(number: int) -> bytes:
    """A number from 0 to 2^64 - 1, seven bits to the byte."""
    if number < _MANY:
        return _VARINTS[number]
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)


def sized(data: bytes) -> bytes:
    """Bytes with their length before them."""
    size = len(data)
    return (_VARINTS[size] if size < _MANY else varint(size)) + data


class Fields:
    """A document's fields on the wire, in the order of their names, and what they were made of."""

    __slots__ = ("body", "content", "entries", "names")

    def __init__(self, names: tuple[str, ...], entries: list[bytes], content: Mapping[str, Any]) -> None:
        self.names, self.entries, self.content = names, entries, content
        self.body = b"".join(entries)

    def without(self, left_out: Iterable[str]) -> bytes:
        """The body without some of the fields."""
        pairs = zip(self.names, self.entries, strict=True)
        return b"".join([entry for name, entry in pairs if name not in left_out])


def fields(content: Mapping[str, Any]) -> Fields:
    """Puts a document's fields on the wire."""
    names, columns = _shape(tuple(content))
    entries = []
    for name, head, ready in columns:
        value = content[name]
        kind = type(value)
        if kind is str or value is None:
            key = value
        elif kind is bool or kind is int:
            key = kind, value
        elif kind is list and not value:
            key = list
        elif name == "version" and kind is dict:
            key = tuple(value.items())
        else:
            entries.append(_entry(head, value))
            continue
        entry = ready.get(key)
        if entry is None:
            entry = _entry(head, value)
            if len(ready) < _READY_MOST:
                ready[key] = entry
        entries.append(entry)
    return Fields(names, entries, content)


def update(body: bytes, name: bytes, precondition: bytes) -> bytes:
    """A write of a whole document."""
    size = varint(len(name))
    whole = varint(1 + len(size) + len(name) + len(body))
    return b"".join((_UPDATE, whole, _NAME, size, name, body, precondition))


def delete(name: bytes, precondition: bytes) -> bytes:
    """A deletion."""
    return _DELETE + sized(name) + precondition


@lru_cache(1000)
def required(update_time: datetime | None) -> bytes:
    """The precondition that the document was last written then; that there is none."""
    if update_time is None:
        return _ABSENT
    moment = _moment(update_time)
    return _REQUIRED + _VARINTS[len(moment) + 2] + b"\x12" + _VARINTS[len(moment)] + moment


def commit(database: str, writes: Iterable[bytes]) -> bytes:
    """A CommitRequest."""
    parts = [b"\x0a", sized(database.encode())]
    for write in writes:
        parts += (b"\x12", varint(len(write)), write)
    return b"".join(parts)


# --- values ---


@lru_cache(1000)
def _shape(names: tuple[str, ...]) -> tuple[tuple[str, ...], list[tuple[str, bytes, dict[Any, bytes]]]]:
    """The names in order, and for each its own on the wire and the entries that are ready.

    Only documents have entries ready: they have few shapes. The keys of a map may be anything.
    """
    heads = _heads(names)
    return tuple(name for name, _ in heads), [(name, head, _READY.setdefault(name, {})) for name, head in heads]


@lru_cache(1000)
def _heads(names: tuple[str, ...]) -> list[tuple[str, bytes]]:
    """The names in order, each with its own on the wire."""
    return [(name, b"\x0a" + sized(name.encode()) + b"\x12") for name in sorted(names, key=_order)]


def _order(name: str) -> bytes:
    """Protobuf's order of map keys: by their bytes, and of two that begin alike the longer first."""
    return name.encode() + b"\xff"


def _entry(head: bytes, content: Any) -> bytes:
    value = _value(content)
    size = len(value)
    inner = head + (_VARINTS[size] if size < _MANY else varint(size)) + value
    size = len(inner)
    return _FIELD + (_VARINTS[size] if size < _MANY else varint(size)) + inner


def _value(content: Any) -> bytes:
    if type(content) is str:
        text = content.encode()
        size = len(text)
        return b"\x8a\x01" + (_VARINTS[size] if size < _MANY else varint(size)) + text
    write = _VALUES.get(type(content))
    if write is None:
        raise TypeError(f"{type(content).__name__} is no type of a document")
    return write(content)


def _whole(content: int) -> bytes:
    if 0 <= content < _MANY:
        return b"\x10" + _VARINTS[content]
    if not -_INT64 <= content < _INT64:
        raise ValueError(f"{content} does not fit into 64 bits")
    return b"\x10" + varint(content % (2 * _INT64))


def _map(content: Mapping[str, Any]) -> bytes:
    parts = []
    for name, head in _heads(tuple(content)):
        value = _value(content[name])
        parts.append(b"\x0a" + sized(head + sized(value)))
    return b"\x32" + sized(b"".join(parts))


def _list(content: list[Any]) -> bytes:
    if not content:
        return b"\x4a\x00"
    return b"\x4a" + sized(b"".join([b"\x0a" + sized(_value(inner)) for inner in content]))


def _time(content: datetime) -> bytes:
    return b"\x52" + sized(_moment(content))


def _moment(moment: datetime) -> bytes:
    """A Timestamp, exact to the microsecond: a float would lose some."""
    seconds, micros = divmod((moment - _EPOCH) // _MICROSECOND, 1_000_000)
    made = b"\x08" + varint(seconds % (2 * _INT64)) if seconds else b""
    return made + b"\x10" + varint(micros * 1000) if micros else made


_VALUES: Mapping[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"\x58\x00",
    bool: lambda content: b"\x08\x01" if content else b"\x08\x00",
    int: _whole,
    dict: _map,
    list: _list,
    datetime: _time,
}

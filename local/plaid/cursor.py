"""Cursors: opaque, authenticated, at most 256 base64 characters; all a page needs is inside.

A closed cursor marks the end of an update: everything up to `low` has been seen. An open one stands inside an update
whose window (low, high] was frozen by the first call. Nothing is stored; the same state gives the same cursor.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass

_LAYOUT = struct.Struct(">B16sQQQI")
_MAC_BYTES = 16
_VERSION = 1


class ForeignCursor(ValueError):
    """The text is not a cursor that this stand-in wrote for this stream."""


@dataclass(frozen=True)
class Cursor:
    """Where a reader of one stream (an item, or one account of it) stands."""

    low: int
    high: int = 0
    position: int = 0
    page: int = 0

    @property
    def is_open(self) -> bool:
        return self.page > 0


def encode(cursor: Cursor, stream: str, key: bytes) -> str:
    digest = hashlib.sha256(stream.encode()).digest()[:16]
    packed = _LAYOUT.pack(_VERSION, digest, cursor.low, cursor.high, cursor.position, cursor.page)
    return base64.b64encode(packed + _mac(packed, key)).decode()


def decode(text: str, stream: str, key: bytes) -> Cursor:
    """Reads a cursor; raises ForeignCursor for a tampered one or one of another stream."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ForeignCursor from error
    packed, mac = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
    if len(packed) != _LAYOUT.size or not hmac.compare_digest(mac, _mac(packed, key)):
        raise ForeignCursor
    version, digest, low, high, position, page = _LAYOUT.unpack(packed)
    if version != _VERSION or digest != hashlib.sha256(stream.encode()).digest()[:16]:
        raise ForeignCursor
    return Cursor(low, high, position, page)


def _mac(packed: bytes, key: bytes) -> bytes:
    return hmac.digest(key, b"cursor" + packed, "sha256")[:_MAC_BYTES]

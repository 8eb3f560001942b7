"""The hashing namespace: of a string its UTF-8 bytes, the checksums as four little-endian bytes."""

from __future__ import annotations

import hashlib
import zlib

from .table import Entry, want

_CASTAGNOLI = 0x82F63B78


def _raw(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else want(bytes, value)


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_CASTAGNOLI if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


FUNCTIONS: dict[str, Entry] = {
    "hashing.md5": Entry(lambda value: hashlib.md5(_raw(value), usedforsecurity=False).digest(), (1,)),
    "hashing.sha256": Entry(lambda value: hashlib.sha256(_raw(value)).digest(), (1,)),
    "hashing.crc32": Entry(lambda value: zlib.crc32(_raw(value)).to_bytes(4, "little"), (1,)),
    "hashing.crc32c": Entry(lambda value: _crc32c(_raw(value)).to_bytes(4, "little"), (1,)),
}

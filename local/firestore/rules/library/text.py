"""Strings, bytes, hashing and the conversions between scalars. Regular expressions are RE2, as the vendor's are."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from functools import lru_cache
from typing import Any

import re2

from ..errors import EvaluationError
from ..limits import INT_MAX, INT_MIN
from ..values import Path, type_name
from .table import Entry, Key, want

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_GROUP = re.compile(r"\$([0-9]+)")
_CASTAGNOLI = 0x82F63B78


@lru_cache(maxsize=512)
def compiled(pattern: str) -> Any:
    """The compiled RE2 pattern, None if it is not one."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


def _regex(pattern: object) -> Any:
    found = compiled(want(str, pattern))
    if found is None:
        raise EvaluationError("invalid regular expression")
    return found


def _replace(text: str, pattern: object, new: object) -> str:
    template = want(str, new)

    def one(found: Any) -> str:
        def group(reference: re.Match[str]) -> str:
            number = int(reference.group(1))
            if number > len(found.groups()):
                raise EvaluationError(f"the regular expression has no group {number}")
            return found.group(number) or ""

        return _GROUP.sub(group, template)

    parts, last = [], 0
    for found in _regex(pattern).finditer(text):
        parts += [text[last : found.start()], one(found)]
        last = found.end()
    return "".join([*parts, text[last:]])


def _split(text: str, pattern: object) -> list[object]:
    parts: list[object] = []
    last = 0
    for found in _regex(pattern).finditer(text):
        if found.end() == found.start() and found.start() in (0, len(text)):
            continue
        parts.append(text[last : found.start()])
        last = found.end()
    return [*parts, text[last:]]


def _raw(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else want(bytes, value)


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_CASTAGNOLI if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def to_int(value: object) -> int:
    """int(x): truncates a float, reads a decimal string; raises EvaluationError on anything else."""
    if (isinstance(value, str) and _INTEGER.fullmatch(value) and len(value) < 64) or (
        isinstance(value, float) and abs(value) < 2.0**64
    ):
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise EvaluationError(f"no int in this {type_name(value)}")
    if not INT_MIN <= number <= INT_MAX:
        raise EvaluationError("integer overflow")
    return number


def to_float(value: object) -> float:
    """float(x): from a number or a decimal string; raises EvaluationError on anything else."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise EvaluationError(f"no float in this {type_name(value)}")


def to_string(value: object) -> str:
    """string(x): from null, bool, number, string or path; raises EvaluationError on anything else."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str | Path):
        return str(value)
    raise EvaluationError(f"no string for a {type_name(value)}")


METHODS: dict[Key, Entry] = {
    ("string", "size"): Entry(len),
    ("string", "lower"): Entry(str.lower),
    ("string", "upper"): Entry(str.upper),
    ("string", "trim"): Entry(str.strip),
    ("string", "matches"): Entry(lambda text, pattern: _regex(pattern).fullmatch(text) is not None, (1,)),
    ("string", "replace"): Entry(_replace, (2,)),
    ("string", "split"): Entry(_split, (1,)),
    ("string", "toUtf8"): Entry(str.encode),
    ("bytes", "size"): Entry(len),
    ("bytes", "toBase64"): Entry(lambda data: base64.urlsafe_b64encode(data).decode()),
    ("bytes", "toHexString"): Entry(lambda data: data.hex().upper()),
}
FUNCTIONS: dict[str, Entry] = {
    "int": Entry(to_int, (1,)),
    "float": Entry(to_float, (1,)),
    "string": Entry(to_string, (1,)),
    "hashing.md5": Entry(lambda value: hashlib.md5(_raw(value), usedforsecurity=False).digest(), (1,)),
    "hashing.sha256": Entry(lambda value: hashlib.sha256(_raw(value)).digest(), (1,)),
    "hashing.crc32": Entry(lambda value: zlib.crc32(_raw(value)).to_bytes(4, "little"), (1,)),
    "hashing.crc32c": Entry(lambda value: _crc32c(_raw(value)).to_bytes(4, "little"), (1,)),
}

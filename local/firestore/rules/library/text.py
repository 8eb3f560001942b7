"""Strings and bytes. Regular expressions are RE2, as the vendor's are; splitting drops what is empty at the end."""

from __future__ import annotations

import base64
import re
import string
from functools import lru_cache
from typing import Any

import re2

from ..errors import EvaluationError
from .table import Entry, Key, want

_REFERENCE = re.compile(r"\\(.)|\$([0-9]+)", re.DOTALL)
# The vendor's emulator changes the case of ASCII letters only.
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)


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
            if reference.group(1) is not None:
                return reference.group(1)
            number = int(reference.group(2))
            if number > len(found.groups()):
                raise EvaluationError(f"the regular expression has no group {number}")
            return found.group(number) or ""

        return _REFERENCE.sub(group, template)

    parts, last = [], 0
    for found in _regex(pattern).finditer(text):
        parts += [text[last : found.start()], one(found)]
        last = found.end()
    return "".join([*parts, text[last:]])


def _split(text: str, pattern: object) -> list[object]:
    parts: list[object] = []
    last = 0
    for found in _regex(pattern).finditer(text):
        if found.start() == found.end() == len(text):
            continue
        parts.append(text[last : found.start()])
        last = found.end()
    parts.append(text[last:])
    while len(parts) > 1 and parts[-1] == "":
        parts.pop()
    return parts


METHODS: dict[Key, Entry] = {
    ("string", "size"): Entry(len),
    ("string", "lower"): Entry(lambda text: text.translate(_LOWER)),
    ("string", "upper"): Entry(lambda text: text.translate(_UPPER)),
    ("string", "trim"): Entry(str.strip),
    ("string", "matches"): Entry(lambda text, pattern: _regex(pattern).fullmatch(text) is not None, (1,)),
    ("string", "replace"): Entry(_replace, (2,)),
    ("string", "split"): Entry(_split, (1,)),
    ("string", "toUtf8"): Entry(str.encode),
    ("bytes", "size"): Entry(len),
    ("bytes", "toBase64"): Entry(lambda data: base64.urlsafe_b64encode(data).decode()),
    ("bytes", "toHexString"): Entry(lambda data: data.hex().upper()),
}

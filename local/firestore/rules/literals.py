"""String, bytes and number literals turned into values; an escape the language does not know is refused."""

from __future__ import annotations

import re

from .errors import Span, refuse
from .limits import INT_MIN

_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t", "/": "/"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[0-3][0-7]{2}|.)", re.DOTALL)
# A byte that an escape of a b'' literal names, until the literal is encoded as a whole.
_BYTE = 0xF0000


def string_value(token: str, at: Span) -> str:
    """The string a quoted literal stands for; raises RulesSyntaxError on an unknown escape."""
    return _unescaped(token[1:-1], at, 0)


def bytes_value(token: str, at: Span) -> bytes:
    """The bytes a b'' literal stands for: `\\xff` and `\\377` are one byte, other characters as UTF-8."""
    text = _unescaped(token[2:-1], at, _BYTE)
    return b"".join(bytes([ord(one) - _BYTE]) if 0 <= ord(one) - _BYTE < 256 else one.encode() for one in text)


def _unescaped(text: str, at: Span, byte: int) -> str:
    def one(found: re.Match[str]) -> str:
        code = found.group(1)
        if code[0] == "u" and len(code) > 1:
            return chr(int(code[1:], 16))
        if len(code) > 1:
            return chr(byte + (int(code[1:], 16) if code[0] == "x" else int(code, 8)))
        if code not in _ESCAPES:
            raise refuse(f"unknown escape \\{code} in a string (a regular expression needs \\\\{code})", at)
        return _ESCAPES[code]

    return _ESCAPE.sub(one, text)


def int_value(token: str, at: Span) -> int:
    """The integer; 2**63 passes here because a minus may stand before it (the check after parsing refuses it alone)."""
    value = int(token) if len(token) < 20 else -INT_MIN + 1
    if value > -INT_MIN:
        raise refuse(f"integer {token[:30]} does not fit in 64 bits", at)
    return value

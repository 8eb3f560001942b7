"""String, bytes and number literals turned into values; an escape the language does not know is refused."""

from __future__ import annotations

import re

from .errors import Span, refuse
from .limits import INT_MIN

_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t", "/": "/"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)


def string_value(token: str, at: Span) -> str:
    """The string a quoted literal stands for; raises RulesSyntaxError on an unknown escape."""

    def one(found: re.Match[str]) -> str:
        code = found.group(1)
        if len(code) > 1:
            return chr(int(code[1:], 16))
        if code not in _ESCAPES:
            raise refuse(f"unknown escape \\{code} in a string (a regular expression needs \\\\{code})", at)
        return _ESCAPES[code]

    return _ESCAPE.sub(one, token[1:-1])


def bytes_value(token: str, at: Span) -> bytes:
    """The bytes a b'' literal stands for."""
    return string_value(token[1:], at).encode()


def int_value(token: str, at: Span) -> int:
    """The integer; 2**63 passes here because a minus may stand before it (the check after parsing refuses it alone)."""
    value = int(token) if len(token) < 20 else -INT_MIN + 1
    if value > -INT_MIN:
        raise refuse(f"integer {token[:30]} does not fit in 64 bits", at)
    return value

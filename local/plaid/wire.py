"""JSON as Plaid's wire carries it: numbers are printed exactly as they came in, never through a float.

Amounts are read as Decimal (or int) and printed digit for digit; stored transaction bodies are already text and are
laid into an answer as they are. Pure functions; nothing survives a call.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

_MARK = secrets.token_hex(16)
_MARKED = re.compile(f'"{_MARK}:(\\d+)"')
_LONGEST_PLAIN = 400


@dataclass(frozen=True, slots=True)
class Verbatim:
    """JSON text that goes into an answer unchanged."""

    text: str


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Prints JSON in ASCII; Decimals in plain digits, Verbatim as it is, times in RFC 3339 with Z."""
    parts: list[str] = []

    def place(item: Any) -> str:
        if isinstance(item, datetime):
            return timestamp(item)
        if isinstance(item, date):
            return item.isoformat()
        parts.append(_literal(item))
        return f"{_MARK}:{len(parts) - 1}"

    text = json.dumps(value, default=place, indent=indent, separators=None if indent else (",", ":"))
    return _MARKED.sub(lambda found: parts[int(found[1])], text) if parts else text


def loads(text: str | bytes) -> Any:
    """Reads JSON with exact numbers; raises ValueError with line and column, also for NaN and Infinity."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)


def timestamp(moment: datetime) -> str:
    """Prints an aware time in UTC, to the second, with Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _literal(item: Any) -> str:
    if isinstance(item, Verbatim):
        return item.text
    if isinstance(item, Decimal) and item.is_finite():
        exponent = item.as_tuple().exponent
        plain = isinstance(exponent, int) and abs(exponent) < _LONGEST_PLAIN
        return format(item, "f") if plain else str(item)
    raise TypeError(f"{type(item).__name__} cannot be written as JSON")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")

"""int(), float() and string(): between scalars only, numbers written as Java writes them."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from ..errors import EvaluationError
from ..limits import INT_MAX, INT_MIN
from ..values import Path, type_name
from .table import Entry

_INTEGER = re.compile(r"[+-]?[0-9]{1,60}")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|-?Infinity")


def to_int(value: object) -> int:
    """int(x): truncates a float (to the nearest there is), reads a decimal string; raises EvaluationError otherwise."""
    if isinstance(value, float):
        return _truncated(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise EvaluationError(f"no int in this {type_name(value)}")
    if not INT_MIN <= value <= INT_MAX:
        raise EvaluationError("integer overflow")
    return value


def _truncated(value: float) -> int:
    if math.isnan(value):
        return 0
    return INT_MAX if value >= INT_MAX else INT_MIN if value <= INT_MIN else int(value)


def to_float(value: object) -> float:
    """float(x): from a number or a decimal string; raises EvaluationError on anything else."""
    readable = isinstance(value, str) and _DECIMAL.fullmatch(value)
    if readable or (isinstance(value, int | float) and not isinstance(value, bool)):
        return float(value)  # type: ignore[arg-type]
    raise EvaluationError(f"no float in this {type_name(value)}")


def to_string(value: object) -> str:
    """string(x): from null, bool, number, string or path; raises EvaluationError on anything else."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, int | str | Path):
        return str(value)
    raise EvaluationError(f"no string for a {type_name(value)}")


def _float_text(value: float) -> str:
    """Java's way: plain between 0.001 and 10 million, else one digit before the point and an exponent."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return format(Decimal(repr(value)), "f")
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    rest = "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{digits[0]}.{rest}E{int(exponent) + len(digits) - 1}"


FUNCTIONS: dict[str, Entry] = {
    "int": Entry(to_int, (1,)),
    "float": Entry(to_float, (1,)),
    "string": Entry(to_string, (1,)),
}

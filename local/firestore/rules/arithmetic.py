"""The arithmetic and order of the language: 64-bit integers that do not wrap, floats, strings, times and durations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .errors import EvaluationError
from .limits import INT_MAX, INT_MIN
from .values import Duration, Timestamp, is_number, type_name

Number = int | float


def _checked(value: Number) -> Number:
    if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        raise EvaluationError("integer overflow")
    return value


def _product(a: Number, b: Number) -> Number:
    return a * b


def _quotient(a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int):
        if b == 0:
            raise EvaluationError("division by zero")
        return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    if b == 0:
        return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


def _remainder(a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int):
        if b == 0:
            raise EvaluationError("division by zero")
        return abs(a) % abs(b) * (1 if a >= 0 else -1)
    return math.nan if b == 0 or math.isinf(a) else math.fmod(a, b)


_NUMERIC: dict[str, Callable[[Number, Number], Number]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": _product,
    "/": _quotient,
    "%": _remainder,
}

_OTHER: dict[tuple[str, type, type], Callable[[Any, Any], object]] = {
    ("+", str, str): lambda a, b: a + b,
    ("+", Timestamp, Duration): lambda a, b: Timestamp(a.nanos + b.nanos),
    ("+", Duration, Timestamp): lambda a, b: Timestamp(a.nanos + b.nanos),
    ("+", Duration, Duration): lambda a, b: Duration(a.nanos + b.nanos),
    ("-", Timestamp, Timestamp): lambda a, b: Duration(a.nanos - b.nanos),
    ("-", Timestamp, Duration): lambda a, b: Timestamp(a.nanos - b.nanos),
    ("-", Duration, Duration): lambda a, b: Duration(a.nanos - b.nanos),
}


def calculate(operator: str, a: object, b: object) -> object:
    """a + b and its like; raises EvaluationError where the language has no such sum or it overflows."""
    if is_number(a) and is_number(b) and isinstance(a, Number) and isinstance(b, Number):
        try:
            return _checked(_NUMERIC[operator](a, b))
        except OverflowError:
            raise EvaluationError("number out of range") from None
    run = _OTHER.get((operator, type(a), type(b)))
    if run is not None:
        return run(a, b)
    raise EvaluationError(f"no {type_name(a)} {operator} {type_name(b)}")


def negate(value: object) -> object:
    """-value; raises EvaluationError unless it is a number whose negative fits, or a duration."""
    if isinstance(value, Duration):
        return Duration(-value.nanos)
    if is_number(value) and isinstance(value, Number):
        return _checked(-value)
    raise EvaluationError(f"no negative of a {type_name(value)}")

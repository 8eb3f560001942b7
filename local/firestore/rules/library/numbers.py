"""The math namespace: what keeps its type and what turns into a float follows the vendor's emulator."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..errors import EvaluationError
from ..values import is_number, type_name
from .conversions import to_int
from .table import Entry


def _number(value: object) -> int | float:
    if is_number(value) and isinstance(value, int | float):
        return value
    raise EvaluationError(f"expected a number, not a {type_name(value)}")


def _finite(read: Callable[[float], int]) -> Callable[[object], float]:
    def run(value: object) -> float:
        number = float(_number(value))
        return float(read(number)) if math.isfinite(number) else number

    return run


def _round(value: object) -> int:
    number = _number(value)
    return number if isinstance(number, int) else to_int(_finite(lambda x: math.floor(x + 0.5))(number))


def _abs(value: object) -> int | float:
    size = abs(_number(value))
    return to_int(size) if isinstance(size, int) else size


def _sqrt(value: object) -> float:
    number = float(_number(value))
    return math.sqrt(number) if number >= 0 else math.nan


def _pow(base: object, exponent: object) -> float:
    try:
        return math.pow(_number(base), _number(exponent))
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


FUNCTIONS: dict[str, Entry] = {
    "math.abs": Entry(_abs, (1,)),
    "math.ceil": Entry(_finite(math.ceil), (1,)),
    "math.floor": Entry(_finite(math.floor), (1,)),
    "math.round": Entry(_round, (1,)),
    "math.sqrt": Entry(_sqrt, (1,)),
    "math.pow": Entry(_pow, (2,)),
    "math.isNaN": Entry(lambda value: math.isnan(_number(value)), (1,)),
}

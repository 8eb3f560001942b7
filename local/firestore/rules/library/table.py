"""How one method or function is listed: what runs and how many arguments it takes (the receiver not counted)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from ..errors import EvaluationError
from ..values import type_name

Key: TypeAlias = tuple[str, str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    run: Callable[..., Any]
    arities: tuple[int, ...] = (0,)


def want(kind: type[T] | tuple[type[T], ...], value: object) -> T:
    """The value if it is of that type (a bool is no int); raises EvaluationError otherwise."""
    if isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool):
        return value
    raise EvaluationError(f"did not expect a {type_name(value)}")

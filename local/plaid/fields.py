"""Strict input: what a request may hold, checked before anything happens.

A shape names every documented field of an endpoint. Unknown fields, missing fields and wrong values are Plaid's
UNKNOWN_FIELDS, MISSING_FIELDS and INVALID_FIELD; a documented field that the stand-in does not emulate is refused by
name, so that a call never seems to have done more than it did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from local.plaid.errors import PlaidError

Check = Callable[[str, Any], None]
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class Field:
    """One documented field; its check raises PlaidError when the value will not do."""

    check: Check
    required: bool = False
    nullable: bool = False


Shape = Mapping[str, Field]


def check(shape: Shape, body: Mapping[str, Any], path: str = "") -> None:
    """Raises PlaidError unless the body fits the shape."""
    if unknown := [path + name for name in body if name not in shape]:
        raise PlaidError(
            "UNKNOWN_FIELDS", f"the following fields are not recognized by this endpoint: {', '.join(unknown)}"
        )
    if missing := [path + name for name, field in shape.items() if field.required and name not in body]:
        raise PlaidError("MISSING_FIELDS", f"the following required fields are missing: {', '.join(missing)}")
    for name, value in body.items():
        if value is None and shape[name].nullable:
            continue
        shape[name].check(path + name, value)


def invalid(path: str, why: str) -> PlaidError:
    return PlaidError("INVALID_FIELD", f"{path} {why}")


def text(*, least: int = 0, most: int | None = None) -> Check:
    def run(path: str, value: Any) -> None:
        if not isinstance(value, str):
            raise invalid(path, "must be a string")
        if len(value) < least or (most is not None and len(value) > most):
            raise invalid(path, f"must have between {least} and {most or 'any number of'} characters")

    return run


def whole(least: int, most: int | None = None) -> Check:
    def run(path: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid(path, "must be an integer")
        if value < least or (most is not None and value > most):
            raise invalid(path, f"must be between {least} and {most}" if most is not None else f"must be >= {least}")

    return run


def flag(path: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise invalid(path, "must be a boolean")


def number(path: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise invalid(path, "must be a number")


def day(path: str, value: Any) -> None:
    try:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValueError
        date.fromisoformat(value)
    except ValueError:
        raise invalid(path, "must be a date in the form yyyy-mm-dd") from None


def url(path: str, value: Any) -> None:
    text(least=1)(path, value)
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise invalid(path, "must be a URL")


def redirect(path: str, value: Any) -> None:
    url(path, value)
    if "?" in value or "#" in value:
        raise invalid(path, "must not contain a query or a fragment")


def one_of(*allowed: str) -> Check:
    def run(path: str, value: Any) -> None:
        if value not in allowed:
            raise invalid(path, f"must be one of {', '.join(allowed)}")

    return run


def each(check_item: Check, *, least: int = 0, most: int | None = None) -> Check:
    def run(path: str, value: Any) -> None:
        if not isinstance(value, list) or len(value) < least or (most is not None and len(value) > most):
            raise invalid(path, f"must be a list of {least} to {most or 'any number of'} values")
        for index, item in enumerate(value):
            check_item(f"{path}[{index}]", item)

    return run


def nested(shape: Shape) -> Check:
    def run(path: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise invalid(path, "must be an object")
        check(shape, value, f"{path}.")

    return run


def anything(_path: str, _value: Any) -> None:
    """A documented field whose value has no effect on what the stand-in answers."""


def not_emulated(path: str, value: Any) -> None:
    """A documented field that would change the outcome in a way the stand-in does not emulate."""
    if value not in (None, [], False):
        raise PlaidError("UNIMPLEMENTED", f"the field {path} is not part of the stand-in")


def required(check_value: Check) -> Field:
    return Field(check_value, required=True)


def optional(check_value: Check, *, nullable: bool = False) -> Field:
    return Field(check_value, nullable=nullable)

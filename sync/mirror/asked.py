"""The keys by which readers of documents are asked, and how they answer. Pure; called by projection.py and shared.py.

A key is whose document it is, and its name: a user's id, or `households/{hid}`, which no user's id can be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias

from sync.mirror.changes import Cursor
from sync.mirror.documents import Document, Unshowable, month_name

Documents: TypeAlias = dict[str, Document | Unshowable]
Keys: TypeAlias = list[tuple[str, str]]
FirstMonths: TypeAlias = Mapping[str, date | None]
Reader: TypeAlias = Callable[[Cursor, Keys, FirstMonths], Documents]

HOUSEHOLDS = "households/"
# The collections that owners' heads are in.
ROOTS = ("users", "households")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def key_of(owner: str) -> str:
    """An owner as keys name it."""
    return owner.removeprefix("users/")


def owner_of(key: str) -> str:
    """The owner that a key names."""
    return key if is_shared(key) else f"users/{key}"


def is_shared(key: str) -> bool:
    """Whether a key, or an owner, or a path, is a household's."""
    return key.startswith(HOUSEHOLDS)


def built(build: Callable[..., Document], *row: Any, month: date | None = None) -> Document | Unshowable:
    """One document that cannot be built must not stop the others."""
    try:
        return build(*row)
    except (ArithmeticError, ValueError) as error:
        return Unshowable(f"{type(error).__name__}: {error}", None if month is None else month_name(month))


def uuids(keys: Iterable[tuple[str, str]]) -> Keys:
    """Those whose name is an id of the ledger."""
    return [(owner, name) for owner, name in keys if _UUID.fullmatch(name)]


def parse_month(name: str) -> date | None:
    """The month that a document is named for."""
    try:
        return date.fromisoformat(f"{name}-01") if len(name) == 7 else None
    except ValueError:
        return None


def columns(keys: Sequence[tuple[Any, Any]]) -> tuple[list[Any], list[Any]]:
    """As two arrays."""
    return [key[0] for key in keys], [key[1] for key in keys]


def in_window(key: str, month: date, first_months: FirstMonths) -> bool:
    """Whether a month's transactions are documents."""
    first = first_months.get(key)
    return first is not None and month >= first

"""What is asked of the rules and what they answer; the server fills these in from whatever protocol it speaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Query:
    """The constraints of a query, as a disjunction of conjunctions of (field path, operator, value).

    Operators: == != < <= > >= in not-in array-contains array-contains-any. No disjunct at all means no filter.
    """

    disjuncts: tuple[tuple[tuple[str, str, object], ...], ...] = ()
    limit: int | None = None
    offset: int = 0
    order_by: tuple[tuple[str, str], ...] = ()
    collection_group: bool = False


@dataclass(frozen=True)
class Request:
    """One operation: method is get, list, create, update or delete; path is relative (`users/u1`).

    For a list the path is the collection's (for a collection group: the parent's, if any, then the collection id).
    `auth` are the claims of the ID token with `uid`, None without a token. `before` and `after` are the document
    around a write; None where it does not exist.
    """

    method: str
    path: str
    auth: dict[str, object] | None
    time: datetime
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    query: Query | None = None


@dataclass
class Decision:
    """The verdict; `reasons` are for people and logs, `touched` names the documents the verdict depends on."""

    allowed: bool
    reasons: list[str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)

"""Page tokens: a position, in a form that nobody is tempted to compute with."""

from __future__ import annotations

import base64

from local.firestore.errors import invalid


def token_of(position: int) -> str:
    """The token of the page that begins at a position."""
    return base64.urlsafe_b64encode(str(position).encode()).decode()


def offset_of(token: str) -> int:
    """The position of a token, 0 without one; raises INVALID_ARGUMENT."""
    if not token:
        return 0
    try:
        position = int(base64.urlsafe_b64decode(token))
    except ValueError as problem:
        raise invalid("The page token is invalid.") from problem
    if position < 0:
        raise invalid("The page token is invalid.")
    return position


def size_of(page_size: int) -> int | None:
    """The page's size, None where none is given; raises INVALID_ARGUMENT."""
    if page_size < 0:
        raise invalid("Page size must be nonnegative.")
    return page_size or None

"""Resume tokens: the epoch of the store and the time up to which a client has seen everything.

A token of another epoch (a store thrown away in between) means nothing here: its bearer starts afresh.
"""

from __future__ import annotations


def make(epoch: str, time: int) -> bytes:
    return f"{epoch}:{time}".encode()


def time_of(token: bytes, epoch: str) -> int | None:
    """The time that a token stands for, or None when it is not one of this store's."""
    theirs, _, time = token.decode("utf-8", "replace").rpartition(":")
    return int(time) if theirs == epoch and time.isdecimal() else None

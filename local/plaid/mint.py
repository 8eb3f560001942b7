"""Ids and tokens: HMAC of the seed, the kind and a counter, so the same calls in the same order give the same ids.

The counters live in the store and roll back with a call that fails. Ids are 37 base62 characters, as Plaid's often
are; tokens look like `access-sandbox-<uuid>`.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Iterator

from local.plaid.store import Store

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for second in _DIGITS for first in _DIGITS]
_PAIR, _FOUR = 62**2, 62**4
_ID_LENGTH = 37
_REQUEST_LENGTH = 15


class Mint:
    """Coins ids for one stand-in."""

    def __init__(self, seed: str, store: Store) -> None:
        self.seed = seed
        self._store = store
        self._key = hashlib.sha256(f"livespend local plaid {seed}".encode()).digest()
        self._boot = store.count_up("boot")
        self._requests = 0

    def id(self, kind: str) -> str:
        """The next id of a kind."""
        return self._id(kind, self._store.count_up(kind))

    def ids(self, kind: str, count: int) -> Iterator[str]:
        """The next `count` ids of a kind; they are used up even if not all are taken."""
        last = self._store.count_up(kind, count)
        return (self._id(kind, number) for number in range(last - count + 1, last + 1))

    def named(self, kind: str, name: str) -> str:
        """The id of something that is told apart by its name: the same each time."""
        return base62(self.digest(f"{kind}:named:{name}"), _ID_LENGTH)

    def token(self, kind: str) -> str:
        """The next `link`, `public` or `access` token."""
        text = self.digest(f"{kind}-token:{self._store.count_up(f'{kind}-token')}").hex()
        return f"{kind}-sandbox-{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"

    def request_id(self) -> str:
        """An id for one answer; a counter of its own, so that reading never writes."""
        self._requests += 1
        return base62(self.digest(f"request:{self._boot}:{self._requests}"), _REQUEST_LENGTH)

    def digest(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), "sha256")

    def dice(self, *parts: object) -> random.Random:
        """A random source that depends on the seed and the parts alone."""
        return random.Random(self.digest("dice:" + ":".join(map(str, parts))))

    def _id(self, kind: str, number: int) -> str:
        return base62(self.digest(f"{kind}:{number}"), _ID_LENGTH)


def base62(digest: bytes, length: int) -> str:
    number = int.from_bytes(digest, "big")
    letters = []
    for _ in range(0, length, 4):
        number, four = divmod(number, _FOUR)
        letters.append(_PAIRS[four % _PAIR])
        letters.append(_PAIRS[four // _PAIR])
    return "".join(letters)[:length]

"""Plaid's webhook verification keys by key id, fetched when first seen and kept in the process.

A key is fetched again after a day, because Plaid may have retired it since; a retired key verifies nothing. Ids that
Plaid does not know are remembered for minutes and all fetches together are bounded, so nobody can make us hammer
Plaid with invented ids. Losing the cache costs one fetch per key. Threads may share it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sync.errors import PlaidRateLimited, PlaidTransient, WebhookRejected

_FRESH = timedelta(days=1)
_UNKNOWN_FOR = timedelta(minutes=5)
_FETCHES_PER_MINUTE = 10
_REMEMBERED = 1000

Jwk = dict[str, Any]


@dataclass(frozen=True)
class _Known:
    key: Jwk | None
    fetched_at: datetime


class WebhookKeys:
    """Finds keys through `fetch`, which answers a JWK or None for an unknown id."""

    def __init__(self, fetch: Callable[[str], Jwk | None]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._fetches: deque[datetime] = deque(maxlen=_FETCHES_PER_MINUTE)

    def find(self, key_id: str, now: datetime) -> Jwk:
        """Answers the key; raises WebhookRejected when it is unknown or retired, or too many were unknown."""
        with self._lock:
            known = self._known.get(key_id)
            if known is None or now - known.fetched_at > (_FRESH if known.key else _UNKNOWN_FOR):
                known = self._refreshed(key_id, known, now)
        if known.key is None:
            raise WebhookRejected("the signing key is unknown")
        if _retired(known.key, now):
            raise WebhookRejected("the signing key is retired")
        return known.key

    def _refreshed(self, key_id: str, stale: _Known | None, now: datetime) -> _Known:
        if len(self._fetches) == _FETCHES_PER_MINUTE and now - self._fetches[0] < timedelta(minutes=1):
            raise WebhookRejected("too many unknown signing keys in a minute")
        self._fetches.append(now)
        try:
            found = _Known(self._fetch(key_id), now)
        except (PlaidTransient, PlaidRateLimited):
            if stale is None or stale.key is None:
                raise
            return stale
        if len(self._known) >= _REMEMBERED:
            self._known = {kid: known for kid, known in self._known.items() if known.key}
        self._known[key_id] = found
        return found


def _retired(key: Jwk, now: datetime) -> bool:
    expired_at = key.get("expired_at")
    return expired_at is not None and datetime.fromtimestamp(float(expired_at), UTC) <= now

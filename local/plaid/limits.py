"""Rate limits: calls per minute, per item and for the whole client, with the error code that each endpoint answers.

Plaid publishes the two tables; both caps apply together. A window slides over the stand-in's clock, so with a fixed day
a spent limit comes back when `/_local/clock` moves. A refused call does not count, and no Retry-After is sent, as
Plaid documents none. Counts live in memory: a restart forgets them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from local.plaid.clock import Clock
from local.plaid.errors import PlaidError

Pair = tuple[int | None, int | None]

# (per item, per client); None where none is published.
PUBLISHED: dict[str, dict[str, Pair]] = {
    "none": {},
    "production": {
        "/transactions/sync": (50, 2500),
        "/transactions/refresh": (2, 100),
        "/transactions/recurring/get": (20, 1000),
        "/accounts/get": (15, 15_000),
        "/accounts/balance/get": (5, 1200),
        "/item/get": (15, 5000),
        "/item/remove": (30, 2000),
        "/institutions/get_by_id": (None, 400),
        "/institutions/get": (None, 50),
    },
    "sandbox": {
        "/transactions/sync": (50, 1000),
        "/transactions/refresh": (2, 100),
        "/transactions/recurring/get": (20, 1000),
        "/accounts/get": (100, 5000),
        "/accounts/balance/get": (25, 100),
        "/item/get": (40, 5000),
        "/item/remove": (100, 500),
        "/institutions/get_by_id": (None, 400),
        "/institutions/get": (None, 10),
        "/sandbox/transactions/create": (2, 50),
    },
}
_OTHER = "RATE_LIMIT"
# (code for the item, code for the client)
_CODES: dict[str, tuple[str, str]] = {
    "/transactions/sync": ("TRANSACTIONS_SYNC_LIMIT", "TRANSACTIONS_SYNC_LIMIT"),
    "/transactions/refresh": ("TRANSACTIONS_REFRESH_LIMIT", "TRANSACTIONS_REFRESH_LIMIT"),
    "/accounts/get": ("ACCOUNTS_LIMIT", "ACCOUNTS_LIMIT"),
    "/accounts/balance/get": ("BALANCE_LIMIT", "ACCOUNTS_BALANCE_GET_LIMIT"),
    "/item/get": ("ITEM_GET_LIMIT", "ITEM_GET_LIMIT"),
}


def table(published: str, own: Mapping[str, Mapping[str, int | None]]) -> dict[str, Pair]:
    """The limits in force: a published table, an endpoint of one's own instead where given."""
    mine = {path: (given.get("item"), given.get("client")) for path, given in own.items()}
    return PUBLISHED[published] | mine


class Limiter:
    """Counts the calls of the last window, per endpoint and item and per endpoint alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[tuple[str, str | None], deque[float]] = {}

    def spend(self, limits: Mapping[str, Pair], seconds: float, path: str, item_id: str | None) -> None:
        """Counts a call; raises the endpoint's PlaidError when one of its two limits has none left."""
        if path not in limits:
            return
        per_item, per_client = limits[path]
        codes = _CODES.get(path, (_OTHER, _OTHER))
        counted: list[tuple[int | None, tuple[str, str | None], str]] = [(per_client, (path, None), codes[1])]
        if item_id is not None:
            counted.insert(0, (per_item, (path, item_id), codes[0]))
        now = self._clock.now().timestamp()
        for most, key, code in counted:
            if most is not None and len(self._recent(key, now - seconds)) >= most:
                raise PlaidError(code)
        for _, key, _ in counted:
            self._recent(key, now - seconds).append(now)

    def used(self, seconds: float) -> list[dict[str, Any]]:
        """What is counted right now."""
        after = self._clock.now().timestamp() - seconds
        counts = [(key, len(self._recent(key, after))) for key in sorted(self._calls, key=str)]
        return [{"path": path, "item_id": item_id, "calls": count} for (path, item_id), count in counts if count]

    def forget(self) -> None:
        """Starts counting anew."""
        self._calls.clear()

    def _recent(self, key: tuple[str, str | None], after: float) -> deque[float]:
        calls = self._calls.setdefault(key, deque())
        while calls and calls[0] <= after:
            calls.popleft()
        return calls

"""The pace for Plaid: no more calls in any minute than its published limits, per item and per client.

A bucket is a ring of the times of its latest calls, as many as its limit: while the oldest of them is younger than
the window, there is no call left. That is exact: a bucket that refills steadily would have to give up half its rate
to keep a burst and the refill after it within one minute. The rings live in Redis, where one script takes from both
buckets or from none, by Redis's clock. Redis holds no truth: wiped, the rings begin empty, and Plaid's own refusal is
still handled. Redis away, each process counts for itself at a tenth of the limits: slower, never unlimited.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from sync import log

if TYPE_CHECKING:
    from redis.commands.core import Script

_log = log.get(__name__)

# Longer than Plaid's minute by what one request may be quicker on its way than another.
WINDOW_SECONDS = 61.0
_FRACTION = 10
_BLIND_SECONDS = 5.0
_REDIS_SECONDS = 0.5
_MOST_RINGS = 20_000


class Limit(NamedTuple):
    """Calls per minute, for one item and for the whole client id; None: no limit is published."""

    item: int | None
    client: int | None


# Plaid's documentation, "Rate limit exceeded errors", as of 2026-03-07; by the client's name for the endpoint.
LIMITS: Mapping[str, Mapping[str, Limit]] = {
    "production": {
        "transactions_sync": Limit(50, 2_500),
        "transactions_get": Limit(30, 20_000),
        "transactions_refresh": Limit(2, 100),
        "transactions_recurring_get": Limit(20, 1_000),
        "accounts_get": Limit(15, 15_000),
        "accounts_balance_get": Limit(5, 1_200),
        "item_get": Limit(15, 5_000),
        "item_remove": Limit(30, 2_000),
        "institutions_get_by_id": Limit(None, 400),
        "institutions_get": Limit(None, 50),
    },
    "sandbox": {
        "transactions_sync": Limit(50, 1_000),
        "transactions_get": Limit(80, 1_000),
        "transactions_refresh": Limit(2, 100),
        "transactions_recurring_get": Limit(20, 1_000),
        "accounts_get": Limit(100, 5_000),
        "accounts_balance_get": Limit(25, 100),
        "item_get": Limit(40, 5_000),
        "item_remove": Limit(100, 500),
        "institutions_get_by_id": Limit(None, 400),
        "institutions_get": Limit(None, 10),
        "sandbox_transactions_create": Limit(2, 50),
    },
    "none": {},
}

# KEYS: rings. ARGV: the time in microseconds ("" is Redis's own), the window, then each ring's limit.
# One hash tag per endpoint keeps both rings of a call on one node of a cluster.
SCRIPT = """
local now = tonumber(ARGV[1])
if not now then
    local t = redis.call('TIME')
    now = t[1] * 1000000 + t[2]
end
local window, wait = tonumber(ARGV[2]), 0
for i, ring in ipairs(KEYS) do
    local newest = tonumber(redis.call('LINDEX', ring, 0) or now)
    if newest > now + 1000000 then
        redis.call('DEL', ring)  -- the clock was set back: times of the future would block it for as long
    end
    local oldest = tonumber(redis.call('LINDEX', ring, tonumber(ARGV[2 + i]) - 1) or now - window)
    wait = math.max(wait, oldest + window - now)
end
if wait > 0 then
    return math.ceil(wait)
end
for i, ring in ipairs(KEYS) do
    redis.call('LPUSH', ring, string.format('%.0f', now))
    redis.call('LTRIM', ring, 0, tonumber(ARGV[2 + i]) - 1)
    redis.call('PEXPIRE', ring, math.ceil(window / 1000))
end
return 0
"""

Bucket = tuple[str, int]


class Limits:
    """The limits of one client id. Threads and processes may share it; without a Redis it counts for this process."""

    def __init__(
        self, limits: Mapping[str, Limit], redis_url: str = "", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._take_shared = _script(redis_url) if redis_url and limits else None
        self._own = Rings()
        self._clock = clock
        self._blind_until: float | None = None

    def take(self, endpoint: str, access_token: str | None) -> float:
        """Takes one call of `endpoint` for the token's item: 0 when it may be sent now, else seconds until one is free.

        Never raises, never waits. An endpoint without a published limit is always free.
        """
        buckets = self._buckets(endpoint, access_token)
        if not buckets:
            return 0.0
        if self._take_shared is None:
            return self._own.take(buckets, self._clock())
        from redis import RedisError

        if self._blind_until is None or self._clock() >= self._blind_until:
            try:
                wait = self._take_shared(
                    keys=[f"livespend:calls:{name}" for name, _ in buckets],
                    args=["", int(WINDOW_SECONDS * 1e6), *(most for _, most in buckets)],
                )
                self._seen()
                return int(wait) / 1e6
            except RedisError as error:
                self._lost(error)
        return self._own.take([(name, max(1, most // _FRACTION)) for name, most in buckets], self._clock())

    def _buckets(self, endpoint: str, access_token: str | None) -> list[Bucket]:
        limit = self._limits.get(endpoint, Limit(None, None))
        buckets = [(f"{{{endpoint}}}", limit.client)]
        if access_token is not None:
            digest = hashlib.sha256(access_token.encode()).hexdigest()[:16]
            buckets.append((f"{{{endpoint}}}:{digest}", limit.item))
        return [(name, most) for name, most in buckets if most is not None]

    def _lost(self, error: Exception) -> None:
        if self._blind_until is None:
            _log.warning("limits_without_redis", reason=type(error).__name__)
        self._blind_until = self._clock() + _BLIND_SECONDS

    def _seen(self) -> None:
        if self._blind_until is not None:
            _log.info("limits_with_redis_again")
        self._blind_until = None


class Rings:
    """The same buckets in this process's memory."""

    def __init__(self, window: float = WINDOW_SECONDS) -> None:
        self._window = window
        self._rings: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, buckets: Sequence[Bucket], now: float) -> float:
        """Takes one call from every bucket, or from none: 0, or seconds until all have one."""
        with self._lock:
            rings = [self._ring(name, most) for name, most in buckets]
            wait = max((r[0] + self._window - now for r in rings if len(r) == r.maxlen), default=0.0)
            if wait > 0:
                return wait
            for ring in rings:
                ring.append(now)
            self._forget(now)
            return 0.0

    def _ring(self, name: str, most: int) -> deque[float]:
        ring = self._rings.get(name)
        if ring is None or ring.maxlen != most:
            ring = self._rings[name] = deque(ring or (), maxlen=most)
        self._rings.move_to_end(name)
        return ring

    def _forget(self, now: float) -> None:
        """Rings that nobody asked for lately; never one that still counts, however many there are."""
        while len(self._rings) > _MOST_RINGS:
            name, ring = next(iter(self._rings.items()))
            if ring and ring[-1] + self._window > now:
                return
            del self._rings[name]


def limits_of(plaid_url: str, table: str = "") -> Mapping[str, Limit]:
    """The limits to keep: those of `table` if it is named, else the sandbox's for its host, else production's."""
    return LIMITS[table or ("sandbox" if urlsplit(plaid_url).hostname == "sandbox.plaid.com" else "production")]


def _script(redis_url: str) -> Script:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = Redis.from_url(
        redis_url,
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_SECONDS,
        retry=Retry(NoBackoff(), 1),  # a connection that idled out is opened again, once
    )
    return client.register_script(SCRIPT)

"""The running stand-in: its parts, passed to every endpoint. One world per server; nothing is global."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from local.plaid import journal, knobs, signing
from local.plaid.clock import Clock
from local.plaid.faults import Faults
from local.plaid.knobs import Knobs
from local.plaid.limits import Limiter
from local.plaid.mint import Mint
from local.plaid.store import Store

REQUESTS_KEPT = 10_000
READINESS = ("NOT_READY", "INITIAL_UPDATE_COMPLETE", "HISTORICAL_UPDATE_COMPLETE")


@dataclass(frozen=True)
class Config:
    """How a stand-in runs. `readiness` are the seconds until an item's first 30 days, then all its history, are there;
    `manual_readiness` leaves new items NOT_READY until told; `retry_scale` shortens the webhook retry schedule;
    `clock_rate` are the clock's seconds in a real one; `public_url` is where browsers find it; `knobs` are those to
    start with."""

    client_id: str
    secret: str
    host: str = "127.0.0.1"
    port: int = 0
    data: Path | None = None
    seed: str = "livespend"
    today: date | None = None
    readiness: tuple[float, float] | None = None
    manual_readiness: bool = False
    retry_scale: float = 1.0
    webhook_timeout: float = 10.0
    clock_rate: float | None = None
    public_url: str | None = None
    knobs: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class World:
    """Everything an endpoint may touch. `wake` tells the courier and the timers that there is new work."""

    config: Config
    store: Store
    clock: Clock
    mint: Mint
    limiter: Limiter
    knobs: Knobs
    faults: Faults
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    calls: int = 0
    replayed: set[tuple[int, int]] = field(default_factory=set)
    public_url: str = ""
    wake: Callable[[], None] = lambda: None

    def commit(self) -> AbstractContextManager[None]:
        return self.store.commit()

    def turn(self, given: Mapping[str, Any]) -> None:
        """Turns knobs, for good; raises PlaidError. The caller holds the transaction."""
        self.knobs = knobs.turned(self.knobs, given)
        knobs.save(self.store, self.knobs)

    def move_clock(self, by: timedelta, rate: float | None = None) -> None:
        """Moves the clock forward, for good, and sets its rate. The caller holds the transaction."""
        self.clock.advance(by)
        if rate is not None:
            self.clock.run_at(rate)
        self.store.keep("clock", self.clock.kept())


def create(config: Config) -> World:
    """Opens the store and makes the signing key of a fresh one; raises ValueError when the folder has another seed."""
    store = Store(config.data)
    with store.commit():
        if (seed := store.meta("seed", config.seed)) != config.seed:
            raise ValueError(f"the data folder was made with the seed {seed!r}, not {config.seed!r}")
        mint = Mint(config.seed, store)
        if store.value("select count(*) from keys") == 0:
            signing.new_key(store, mint)
        clock = Clock(config.today, config.clock_rate)
        clock.restore(store.meta("clock", clock.kept()))
        turned = knobs.load(store, config.knobs)
        knobs.save(store, turned)
    world = World(config, store, clock, mint, Limiter(clock), turned, Faults(store))
    if config.data is not None:
        journal.restore(world)
    return world

"""The mirror's builders: threads that claim owners' marks in one snapshot and plan one commit each.

Two, so that one reads while the other builds, and so that an owner with very many marks holds up nobody else: rounds.py
never gives both of them such an owner. Each has a connection of its own, opened when first needed and again after it
was lost. Nothing here writes or talks to Firestore. Called by rounds.py; what was built is collected in the mirror's
own thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import local
from typing import NamedTuple

import psycopg2

from sync.changes import Connection, Way
from sync.claims import Claims, read_claims
from sync.deps import Deps
from sync.plan import Claim, Note, Observed, Plan, Stamp, make_plan
from sync.session import CUT_OFF, connect_reading
from sync.steps import step

BUILDERS = 2


@dataclass(frozen=True, slots=True)
class Order:
    """An owner to be claimed, with what the mirror knows of it beyond the marks."""

    owner: str
    room: int
    observed: Mapping[str, Observed] = field(default_factory=dict)
    notes: Mapping[str, Note] = field(default_factory=dict)


class Built(NamedTuple):
    """What became of one owner's order: a claim with its plan (none without marks), nothing at all because the ledger
    does not know the owner or the round was full (`postponed`), or an error that only this owner has."""

    owner: str
    claim: Claim | None = None
    plan: Plan | None = None
    postponed: bool = False
    error: str = ""


class Builders:
    """Builds rounds; `wake` is called when something can be collected."""

    def __init__(self, url: str, wake: Callable[[], None], deps: Deps, name: Callable[[str], str]):
        self._url, self._wake, self._now, self._name = url, wake, deps.now, name
        self._shapes = deps.shapes
        self._pool = ThreadPoolExecutor(BUILDERS, thread_name_prefix="mirror-build")
        self._mine = local()
        self._opened: list[Connection] = []
        self._built: SimpleQueue[Built | Exception | None] = SimpleQueue()
        self._busy = 0

    @property
    def free(self) -> bool:
        """Whether a round could be begun at once."""
        return self._busy < BUILDERS

    def build(self, orders: Sequence[Order]) -> None:
        """Has a builder claim and plan these; each of them comes back from `collect` by itself."""
        self._busy += 1
        self._pool.submit(self._round, orders)

    def collect(self) -> tuple[list[Built], Exception | None]:
        """Answers what was built since the last call, and an error to be raised: CUT_OFF, or a bug."""
        built: list[Built] = []
        error: Exception | None = None
        while True:
            try:
                one = self._built.get_nowait()
            except Empty:
                return built, error
            if one is None:
                self._busy -= 1
            elif isinstance(one, Exception):
                error = one
            else:
                built.append(one)

    def close(self) -> None:
        """Waits for what is being built, and closes the connections."""
        self._pool.shutdown(wait=True)
        for connection in self._opened:
            connection.close()

    # --- in a builder's thread ---

    def _round(self, orders: Sequence[Order]) -> None:
        try:
            self._claim(orders)
        except Exception as error:
            for order in orders:
                self._built.put(Built(order.owner, postponed=True))
            self._built.put(error)
        finally:
            self._built.put(None)
            self._wake()

    def _claim(self, orders: Sequence[Order]) -> None:
        claimed_at = self._now()
        try:
            claims, postponed = self._read(orders)
        except CUT_OFF:
            raise
        except (psycopg2.Error, ValueError, ArithmeticError) as error:
            self._claim_alone(orders, error)
            return
        step("mirror:claimed")
        claimed = {claim.owner.owner: claim for claim in claims}
        for order in orders:
            self._plan(order, claimed.get(order.owner), claimed_at, postponed=order.owner in postponed)

    def _claim_alone(self, orders: Sequence[Order], error: Exception) -> None:
        """A row that the claim cannot read must hold back its own user only."""
        if len(orders) == 1:
            self._built.put(Built(orders[0].owner, error=str(error).strip() or type(error).__name__))
            return
        for order in orders:
            self._claim([order])

    def _plan(self, order: Order, claim: Claim | None, claimed_at: datetime, *, postponed: bool) -> None:
        plan = None
        if claim is not None and claim.marks:
            stamp = Stamp(self._now(), secrets.token_hex(8))
            plan = make_plan(claim, order.observed, order.notes, stamp, self._name)
            built_at = self._now()
            plan.settled.way = Way(stamp.commit, claimed_at, built_at, built_at, built_at)
        self._built.put(Built(order.owner, claim, plan, postponed))
        self._wake()

    def _read(self, orders: Sequence[Order]) -> Claims:
        """Reads claims in one snapshot, which is over when this returns."""
        connection = self._connection()
        try:
            with connection.cursor() as cursor:
                rooms = {order.owner: order.room for order in orders}
                return read_claims(cursor, list(rooms), rooms, self._shapes)
        finally:
            if not connection.closed:
                connection.rollback()

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._mine, "connection", None)
        if connection is None or connection.closed:
            connection = self._mine.connection = connect_reading(self._url)
            self._opened.append(connection)
        return connection

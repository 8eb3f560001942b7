"""The mirror's builders claim owners' marks in one snapshot and plan one commit each.

A small round is built where it is asked for, in the mirror's own thread (`build_here`): handing it over would cost as
much as building it. Larger ones go to two threads, so that one reads while the other builds, and so that an owner with
very many marks holds up nobody else: rounds.py never gives both of them such an owner. Each has a connection of its
own, opened when first needed and again after it was lost. Nothing here writes or talks to Firestore. Called by
rounds.py; what the threads built is collected in the mirror's own thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import local
from typing import NamedTuple, TypeAlias

import psycopg2

from sync.deps import Deps
from sync.mirror.changes import Connection, Cursor, Way
from sync.mirror.claims import Claims, read_claims
from sync.mirror.plan import Claim, Note, Observed, Plan, Stamp, make_plan
from sync.mirror.session import CUT_OFF, connect_reading, snapshot
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


Opening: TypeAlias = Callable[[], AbstractContextManager[Cursor]]


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

    @property
    def idle(self) -> bool:
        """Whether no thread builds."""
        return self._busy == 0

    def build_here(self, orders: Sequence[Order], opening: Opening) -> list[Built]:
        """Claims and plans these at once, in a snapshot that `opening` opens. Raises one of CUT_OFF."""
        return list(self._claim(orders, opening))

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
            for built in self._claim(orders, lambda: snapshot(self._connection())):
                self._built.put(built)
                self._wake()
        except Exception as error:
            for order in orders:
                self._built.put(Built(order.owner, postponed=True))
            self._built.put(error)
        finally:
            self._built.put(None)
            self._wake()

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._mine, "connection", None)
        if connection is None or connection.closed:
            connection = self._mine.connection = connect_reading(self._url)
            self._opened.append(connection)
        return connection

    # --- in anybody's ---

    def _claim(self, orders: Sequence[Order], opening: Opening) -> Iterator[Built]:
        claimed_at = self._now()
        try:
            claims, postponed = self._read(orders, opening)
        except CUT_OFF:
            raise
        except (psycopg2.Error, ValueError, ArithmeticError) as error:
            yield from self._claim_alone(orders, opening, error)
            return
        step("mirror:claimed")
        claimed = {claim.owner.owner: claim for claim in claims}
        for order in orders:
            yield self._plan(order, claimed.get(order.owner), claimed_at, postponed=order.owner in postponed)

    def _claim_alone(self, orders: Sequence[Order], opening: Opening, error: Exception) -> Iterator[Built]:
        """A row that the claim cannot read must hold back its own user only."""
        if len(orders) == 1:
            yield Built(orders[0].owner, error=str(error).strip() or type(error).__name__)
            return
        for order in orders:
            yield from self._claim([order], opening)

    def _read(self, orders: Sequence[Order], opening: Opening) -> Claims:
        """Reads claims in one snapshot, which is over when this returns."""
        rooms = {order.owner: order.room for order in orders}
        with opening() as cursor:
            return read_claims(cursor, list(rooms), rooms, self._shapes)

    def _plan(self, order: Order, claim: Claim | None, claimed_at: datetime, *, postponed: bool) -> Built:
        plan = None
        if claim is not None and claim.marks:
            stamp = Stamp(self._now(), secrets.token_hex(8))
            plan = make_plan(claim, order.observed, order.notes, stamp, self._name)
            built_at = self._now()
            plan.settled.way = Way(stamp.commit, claimed_at, built_at, built_at, built_at)
        return Built(order.owner, claim, plan, postponed)

"""What every method is given: the engine, who calls, and the database in question."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from local.firestore import pb
from local.firestore.access import Caller, Gate
from local.firestore.clock import microseconds_of, stamp
from local.firestore.database import Database
from local.firestore.engine import Engine
from local.firestore.names import database_of
from local.firestore.query.plan import Plan
from local.firestore.query.run import Result, run
from local.firestore.storage.store import Reader
from local.firestore.transactions import Transaction, Transactions


@dataclass(frozen=True)
class Call:
    """One call of one caller; adapters make it."""

    engine: Engine
    caller: Caller

    def within(self, name: str) -> Site:
        """The database that a resource name lies in, with this caller's gate."""
        database = self.engine.database(database_of(name))
        return Site(self.engine, database, self.engine.gate(database, self.caller))


@dataclass(frozen=True)
class Site:
    """A database, seen by one caller."""

    engine: Engine
    database: Database
    gate: Gate

    def view(self, request: Any) -> Moment:
        """The moment that a request's consistency selector names; a new transaction is begun if it asks for one."""
        kind = request.WhichOneof("consistency_selector")
        if kind == "transaction":
            return self._within(self.transactions.find(request.transaction), begun=False)
        if kind == "new_transaction":
            return self._within(self.transactions.begin(request.new_transaction), begun=True)
        if kind == "read_time":
            at = microseconds_of(request.read_time)
            return Moment(self, self.database.reader(at), at)
        return Moment(self, self.database.store, self.database.clock.read_time())

    @property
    def transactions(self) -> Transactions:
        return self.engine.transactions(self.database)

    def _within(self, transaction: Transaction, *, begun: bool) -> Moment:
        return Moment(self, self.transactions.reader(transaction), transaction.read_time, transaction, begun)


@dataclass
class Moment:
    """A consistent state, its time, and the transaction that locks and remembers what is read of it."""

    site: Site
    reader: Reader
    time: int
    transaction: Transaction | None = None
    begun: bool = False

    @property
    def new_transaction_id(self) -> bytes:
        """The id to hand back; empty unless the request began a transaction."""
        return self.transaction.id if self.transaction and self.begun else b""

    async def hold(self, paths: Iterable[str]) -> None:
        """Has the transaction, if there is one, lock what is about to be read; the moment is then the present."""
        if self.transaction is not None and not self.transaction.read_only:
            await self.site.transactions.lock_read(self.transaction, paths)
            self.time = self.site.database.clock.read_time()

    async def run(self, plan: Plan) -> Result:
        """Runs a query; in a transaction its documents are locked, so what it found stays so."""
        result, held = run(plan, self.reader), set[str]()
        while self.transaction is not None and (found := {one.record.path for one in result.found}) - held:
            held |= found
            await self.hold(found)
            result = run(plan, self.reader)
        await self.remember(plan)
        return result

    async def remember(self, plan: Plan) -> None:
        """Has the transaction, if there is one, keep what a query finds as it is."""
        if self.transaction is not None:
            await self.site.transactions.remember(self.transaction, plan, self.time)

    def stamp(self, message: Any) -> None:
        stamp(message, self.time)


def masked(document: pb.Document, request: Any) -> pb.Document:
    """The document reduced to a request's field mask, if it has one."""
    from local.firestore import fields as field_paths
    from local.firestore.query.run import projected

    if not request.HasField("mask"):
        return document
    return projected(document, tuple(field_paths.parse(path) for path in request.mask.field_paths))

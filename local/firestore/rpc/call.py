"""What every method is given: the engine, who calls, and the database in question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local.firestore import pb
from local.firestore.access import Caller, Gate
from local.firestore.clock import microseconds_of, stamp
from local.firestore.database import Database
from local.firestore.engine import Engine
from local.firestore.names import database_of
from local.firestore.query.plan import Plan
from local.firestore.storage.records import Record
from local.firestore.storage.store import Reader
from local.firestore.transactions import Transaction


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
        transactions = self.engine.transactions(self.database)
        kind = request.WhichOneof("consistency_selector")
        if kind == "transaction":
            transaction = transactions.find(request.transaction)
            return self._in(transaction, begun=False)
        if kind == "new_transaction":
            return self._in(transactions.begin(request.new_transaction), begun=True)
        if kind == "read_time":
            at = microseconds_of(request.read_time)
            return Moment(self.database.reader(at), at, None, False)
        return self.now()

    def now(self) -> Moment:
        return Moment(self.database.store, self.database.clock.read_time(), None, False)

    def _in(self, transaction: Transaction, *, begun: bool) -> Moment:
        reader = self.engine.transactions(self.database).reader(transaction)
        return Moment(reader, transaction.read_time, transaction, begun)


@dataclass(frozen=True)
class Moment:
    """A consistent state, its time, and the transaction that must remember what is read of it."""

    reader: Reader
    time: int
    transaction: Transaction | None
    begun: bool

    @property
    def new_transaction_id(self) -> bytes:
        """The id to hand back; empty unless the request began a transaction."""
        return self.transaction.id if self.transaction and self.begun else b""

    def get(self, path: str) -> Record | None:
        if self.transaction is not None:
            self.transaction.paths.add(path)
        return self.reader.get(path)

    def remember(self, plan: Plan) -> None:
        if self.transaction is not None:
            self.transaction.plans.append(plan)

    def stamp(self, message: Any) -> None:
        stamp(message, self.time)


def masked(document: pb.Document, request: Any) -> pb.Document:
    """The document reduced to a request's field mask, if it has one."""
    from local.firestore import fields as field_paths
    from local.firestore.query.run import projected

    if not request.HasField("mask"):
        return document
    return projected(document, tuple(field_paths.parse(path) for path in request.mask.field_paths))

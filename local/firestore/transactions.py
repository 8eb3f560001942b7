"""Transactions, optimistic: reads see one moment, and the commit fails if anything read has changed since.

A commit that would not be serialisable is ABORTED and the client runs its transaction again, as clients do. A
transaction holds nothing, so a client that dies in the middle of one blocks nobody; it is forgotten when it has been
idle for a minute or is 270 seconds old.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from local.firestore import pb
from local.firestore.clock import microseconds_of
from local.firestore.database import Database
from local.firestore.errors import Code, FirestoreError, invalid
from local.firestore.query.filters import Candidate
from local.firestore.query.plan import Plan
from local.firestore.storage.history import Change
from local.firestore.storage.records import Record
from local.firestore.storage.store import Reader

_IDLE_SECONDS = 60
_TOTAL_SECONDS = 270


@dataclass
class Transaction:
    """What a transaction has read, and when it sees the world."""

    id: bytes
    read_time: int
    read_only: bool
    began: float
    used: float
    paths: set[str] = field(default_factory=set)
    plans: list[Plan] = field(default_factory=list)

    def disturbed_by(self, change: Change) -> bool:
        """Whether a change touches something that was read."""
        return change.path in self.paths or any(_concerns(plan, change) for plan in self.plans)


class Transactions:
    """The open transactions of one database."""

    def __init__(self, database: Database, now: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._now = now
        self._open: dict[bytes, Transaction] = {}

    def begin(self, options: pb.TransactionOptions) -> Transaction:
        """Opens a transaction that sees the present, or for read-only ones the time asked for."""
        self._forget_expired()
        read_only = options.WhichOneof("mode") == "read_only"
        at = self._database.clock.read_time()
        if read_only and options.read_only.HasField("read_time"):
            at = microseconds_of(options.read_only.read_time)
            self._database.reader(at)
        now = self._now()
        transaction = Transaction(secrets.token_bytes(16), at, read_only, now, now)
        self._open[transaction.id] = transaction
        return transaction

    def find(self, transaction_id: bytes) -> Transaction:
        """An open transaction; raises INVALID_ARGUMENT when it has ended or expired."""
        self._forget_expired()
        transaction = self._open.get(transaction_id)
        if transaction is None:
            raise invalid("The referenced transaction has expired or is no longer valid.")
        transaction.used = self._now()
        return transaction

    def reader(self, transaction: Transaction) -> Reader:
        return self._database.reader(transaction.read_time)

    def end(self, transaction_id: bytes) -> None:
        """Forgets a transaction; safe to call twice."""
        self._open.pop(transaction_id, None)

    def claim(self, transaction_id: bytes, writes: int) -> None:
        """Ends a transaction for its commit; raises ABORTED when what it has read has changed since."""
        transaction = self.find(transaction_id)
        self.end(transaction_id)
        if transaction.read_only:
            if writes:
                raise invalid("Cannot modify entities in a read-only transaction.")
            return
        changes = self._database.history.since(transaction.read_time)
        if changes is None or any(map(transaction.disturbed_by, changes)):
            raise FirestoreError(Code.ABORTED, "Too much contention on these documents. Please try again.")

    def _forget_expired(self) -> None:
        now = self._now()
        late = [
            each.id
            for each in self._open.values()
            if now - each.used > _IDLE_SECONDS or now - each.began > _TOTAL_SECONDS
        ]
        for transaction_id in late:
            self.end(transaction_id)


def _concerns(plan: Plan, change: Change) -> bool:
    return plan.scope.holds(change.path) and (_belongs(plan, change.before) or _belongs(plan, change.after))


def _belongs(plan: Plan, record: Record | None) -> bool:
    return record is not None and plan.key_of(Candidate(record.path, record.content().fields)) is not None

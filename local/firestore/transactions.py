"""Transactions, pessimistic: what one has read nobody changes until it ends, so its commit is as if it stood alone.

Documents read, missing ones and those that queries found, are locked (locks.py); so is, by a lock named for the
transaction, every document that would newly belong to one of its queries. What comes through nevertheless makes the
commit ABORTED, and the client runs its transaction again, as clients do. A read-only transaction sees one moment and
locks nothing. A transaction that has been idle for a minute or is 270 seconds old ends, and its locks with it.
Browsers have transactions of their own: preconditions, no locks.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from local.firestore import pb
from local.firestore.clock import microseconds_of
from local.firestore.database import Database
from local.firestore.errors import Code, FirestoreError, invalid
from local.firestore.locks import Holder, Locks
from local.firestore.query.filters import Candidate
from local.firestore.query.plan import Plan
from local.firestore.storage.history import Change
from local.firestore.storage.records import Record
from local.firestore.storage.store import Reader
from local.firestore.write.intent import Intent

_IDLE_SECONDS = 60
_TOTAL_SECONDS = 270
_ENDED_REMEMBERED = 1000


@dataclass
class Transaction:
    """What a transaction has read, what it has locked, and, for a read-only one, when it sees the world."""

    id: bytes
    read_time: int
    read_only: bool
    began: float
    used: float
    holder: Holder
    plans: list[tuple[Plan, int]] = field(default_factory=list)

    @property
    def queries(self) -> str:
        """The name of the lock on what its queries would newly find; no document is called so."""
        return f"?{self.id.hex()}"

    def disturbed_by(self, change: Change) -> bool:
        """Whether a change moves a document into or out of a query that was run before it."""
        return any(time < change.time and _concerns(plan, change) for plan, time in self.plans)


class Transactions:
    """The open transactions of one database, and its locks."""

    def __init__(self, database: Database, now: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._now = now
        self._open: dict[bytes, Transaction] = {}
        self._ended: deque[tuple[bytes, float]] = deque(maxlen=_ENDED_REMEMBERED)
        self.locks = Locks(self.forget_expired)

    def begin(self, options: pb.TransactionOptions) -> Transaction:
        """Opens a transaction on the present, or, read-only, on the time asked for; a retry keeps its seniority."""
        self.forget_expired()
        read_only = options.WhichOneof("mode") == "read_only"
        at = self._database.clock.read_time()
        if read_only and options.read_only.HasField("read_time"):
            at = microseconds_of(options.read_only.read_time)
            self._database.reader(at)
        now = self._now()
        holder = Holder(dict(self._ended).get(options.read_write.retry_transaction, now))
        transaction = Transaction(secrets.token_bytes(16), at, read_only, now, now, holder)
        self._open[transaction.id] = transaction
        return transaction

    def find(self, transaction_id: bytes) -> Transaction:
        """An open transaction; raises INVALID_ARGUMENT when it has ended or expired."""
        self.forget_expired()
        transaction = self._open.get(transaction_id)
        if transaction is None:
            raise invalid("The referenced transaction has expired or is no longer valid.")
        transaction.used = self._now()
        return transaction

    def reader(self, transaction: Transaction) -> Reader:
        """What a transaction sees: one moment if it is read-only, else the present, which its locks hold still."""
        return self._database.reader(transaction.read_time) if transaction.read_only else self._database.store

    async def lock_read(self, transaction: Transaction, paths: Iterable[str]) -> None:
        """Shares documents with other readers until the transaction ends; raises ABORTED, which ends it."""
        if not transaction.read_only:
            await self._lock(transaction, paths, exclusive=False)

    async def remember(self, transaction: Transaction, plan: Plan, time: int) -> None:
        """Keeps everybody else from writing what would newly belong to a query."""
        transaction.plans.append((plan, time))
        if not transaction.read_only:
            await self._lock(transaction, [transaction.queries], exclusive=True)

    async def lock_written(self, transaction: Transaction, intents: Sequence[Intent]) -> None:
        """Keeps everybody else from what is written until the transaction ends; raises ABORTED, which ends it."""
        with self._ended_by_refusal(transaction):
            await self._take_for(transaction.holder, intents, transaction)
        self._still_open(transaction)

    @contextlib.asynccontextmanager
    async def writing(self, intents: Sequence[Intent]) -> AsyncIterator[None]:
        """Keeps everybody else from what is written, outside of any transaction; raises ABORTED."""
        if not self._open:
            yield
            return
        holder = Holder()
        try:
            await self._take_for(holder, intents, None)
            yield
        finally:
            self.locks.release(holder)

    def end(self, transaction_id: bytes) -> None:
        """Forgets a transaction and lets go of its locks; safe to call twice."""
        transaction = self._open.pop(transaction_id, None)
        if transaction is not None:
            self._ended.append((transaction_id, transaction.holder.began))
            self.locks.release(transaction.holder)

    def known(self, transaction_id: bytes) -> bool:
        """Whether there is, or lately was, a transaction of this id."""
        return transaction_id in self._open or transaction_id in dict(self._ended)

    def claim(self, transaction_id: bytes, writes: int) -> None:
        """Ends a transaction for its commit; raises ABORTED when a query it has run would now find others."""
        transaction = self.find(transaction_id)
        self.end(transaction_id)
        if transaction.read_only:
            if writes:
                raise invalid("Cannot modify entities in a read-only transaction.")
            return
        if transaction.plans:
            changes = self._database.history.since(min(time for _, time in transaction.plans))
            if changes is None or any(map(transaction.disturbed_by, changes)):
                raise FirestoreError(Code.ABORTED, "Too much contention on these documents. Please try again.")

    def forget_expired(self) -> None:
        """Ends what has been idle, or open, for too long."""
        now = self._now()
        late = [
            each.id
            for each in self._open.values()
            if now - each.used > _IDLE_SECONDS or now - each.began > _TOTAL_SECONDS
        ]
        for transaction_id in late:
            self.end(transaction_id)

    async def _take_for(self, holder: Holder, intents: Sequence[Intent], within: Transaction | None) -> None:
        await self.locks.take(holder, [intent.path for intent in intents], exclusive=True)
        while entered := self._entered(intents, within) - holder.places:
            await self.locks.take(holder, entered, exclusive=False)

    def _entered(self, intents: Sequence[Intent], within: Transaction | None) -> set[str]:
        """The locks of transactions whose queries would newly find what is written."""
        others = [each for each in self._open.values() if each.plans and not each.read_only and each is not within]
        after = [found for intent in intents if others and (found := self._after(intent)) is not None]
        return {
            other.queries
            for other in others
            for plan, _ in other.plans
            if any(plan.scope.holds(found.path) and plan.key_of(found) is not None for found in after)
        }

    def _after(self, intent: Intent) -> Candidate | None:
        if intent.kind != "update":
            return None
        try:
            content, _ = intent.content_after(self._database.store.get(intent.path), self._database.clock.read_time())
        except FirestoreError:
            return None  # the commit will say so
        return Candidate(intent.path, content.fields)

    async def _lock(self, transaction: Transaction, places: Iterable[str], *, exclusive: bool) -> None:
        with self._ended_by_refusal(transaction):
            await self.locks.take(transaction.holder, places, exclusive=exclusive)
        self._still_open(transaction)

    @contextlib.contextmanager
    def _ended_by_refusal(self, transaction: Transaction) -> Iterator[None]:
        try:
            yield
        except FirestoreError:
            self.end(transaction.id)
            raise

    def _still_open(self, transaction: Transaction) -> None:
        transaction.used = self._now()
        if transaction.id not in self._open:
            self.locks.release(transaction.holder)
            raise FirestoreError(Code.ABORTED, "The transaction ended while it waited for a lock.")


def _concerns(plan: Plan, change: Change) -> bool:
    return plan.scope.holds(change.path) and (_belongs(plan, change.before) or _belongs(plan, change.after))


def _belongs(plan: Plan, record: Record | None) -> bool:
    return record is not None and plan.key_of(Candidate(record.path, record.content().fields)) is not None

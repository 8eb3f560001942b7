"""Once per key: a repeated request gets the first one's answer, and its work is not done again.

The answer is stored in the very transaction that does the work, so there is no moment at which one exists without
the other: a crash leaves both or neither, and bells ring only after the commit. Work that asks somebody whose side no
rollback undoes (Plaid's exchange) commits apart, and its answer is stored right after it; there a crash in between is
caught by Plaid, who exchanges a token once. A page that got no answer leaves its wish as an intent under the same key;
each door knows what the other has done. Two requests with one key at the same time queue on an advisory lock; the
second finds the first one's answer. A key is remembered as long as an intent may wait on its device; then the worker's
hourly task forgets it. Called by the API, intents.py, and that task.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias, cast

from sqlalchemy import Connection, Engine, text

from sync.db import transaction
from sync.deps import Deps
from sync.errors import LivespendError

# As long as a slow bank may take to answer an exchange: the second request waits for the first one's answer.
LOCK_SECONDS = 70.0
REMEMBERED = timedelta(days=7)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:user_id || ' ' || :key, 0))")
_FIND = text("select request_sha256, status, response from idempotency_keys where user_id = :user_id and key = :key")
_AS_INTENT = text("select from intents_applied where user_id = :user_id and id = cast(:key as uuid)")
_FORGET = text("delete from idempotency_keys where created_at < :before")
_STORE = text("""
    insert into idempotency_keys (user_id, key, request_sha256, status, response)
    values (:user_id, :key, :request_sha256, :status, cast(:response as jsonb))
""")


class IdempotencyKeyReused(LivespendError):
    """This Idempotency-Key was used for another request."""

    code = "idempotency-key-reused"
    status = 422


Work: TypeAlias = Callable[[Deps], tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Outcome:
    """The answer to a request, and whether an earlier request with its key had it first."""

    status: int
    body: dict[str, Any]
    replayed: bool = False


def once(deps: Deps, user_id: str, key: str, request_sha256: bytes, work: Work, *, apart: bool = False) -> Outcome:
    """Does `work` and stores its answer in one transaction, or answers what is stored. Twice is the point.

    `work` gets dependencies whose transactions are part of this one, or with `apart` the plain ones. An error it raises
    is not stored, so the same key may try again. Raises IdempotencyKeyReused for the same key with another request.
    """
    bells: list[tuple[str, dict[str, str]]] = []
    named = {"user_id": user_id, "key": key}
    with transaction(deps.engine, user_id, statement_seconds=LOCK_SECONDS, lock_seconds=LOCK_SECONDS) as connection:
        connection.execute(_LOCK, named)
        stored = connection.execute(_FIND, named).first()
        if stored:
            return _replayed(stored.request_sha256, request_sha256, stored.status, stored.response)
        if _applied_as_intent(connection, named):
            raise IdempotencyKeyReused("the same wish came as an edit made offline, and was answered")
        status, body = work(deps if apart else joined(deps, connection, bells))
        answer = {"request_sha256": request_sha256, "status": status, "response": json.dumps(body)}
        connection.execute(_STORE, named | answer)
    for task, arguments in bells:
        deps.ring(task, arguments)
    return Outcome(status, body)


def lock_key(connection: Connection, user_id: str, key: str) -> dict[str, Any] | None:
    """Holds a key until the transaction ends; answers what a request with it was answered, None if there was none."""
    named = {"user_id": user_id, "key": key}
    connection.execute(_LOCK, named)
    stored = connection.execute(_FIND, named).first()
    return None if stored is None else dict(stored.response)


def forget_old(deps: Deps) -> int:
    """Forgets keys that no client can still be retrying; answers how many. Twice is safe. For the worker."""
    with transaction(deps.engine) as connection:
        return connection.execute(_FORGET, {"before": deps.now() - remembered(deps)}).rowcount


def remembered(deps: Deps) -> timedelta:
    """How long a key is remembered: longer than an intent under the same key may wait on its device."""
    return max(REMEMBERED, timedelta(days=deps.settings.intent_max_age_days + 2))


def joined(deps: Deps, connection: Connection, bells: list[tuple[str, dict[str, str]]]) -> Deps:
    """Dependencies whose transactions are savepoints of an open one, and whose bells are rung by who commits it."""

    def collect(task: str, arguments: dict[str, str]) -> None:
        bells.append((task, arguments))

    return replace(deps, engine=cast(Engine, _Joined(connection, deps.engine)), ring=collect)


def _applied_as_intent(connection: Connection, named: dict[str, str]) -> bool:
    """Whether the page gave up waiting and left the same wish as an intent, whose id is then this key."""
    return bool(_UUID.fullmatch(named["key"])) and connection.execute(_AS_INTENT, named).first() is not None


def _replayed(stored_sha256: bytes, request_sha256: bytes, status: int, body: dict[str, Any]) -> Outcome:
    if not hmac.compare_digest(bytes(stored_sha256), request_sha256):
        raise IdempotencyKeyReused
    return Outcome(status, body, replayed=True)


class _Joined:
    """An engine whose transactions are savepoints of one that is open already; it commits nothing itself.

    A savepoint, so that a transaction inside that loses a deadlock can be run again without ending the outer one.
    """

    def __init__(self, connection: Connection, engine: Engine) -> None:
        self._connection = connection
        self._engine = engine

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        with self._connection.begin_nested():
            yield self._connection

    def connect(self) -> Connection:
        """A connection of its own, for snapshots: they see what is committed, not what this transaction did."""
        return self._engine.connect()

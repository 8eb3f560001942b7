"""Transactions on the ledger: how a connection is made, opened for one user, retried, and how long it may wait.

A transaction is opened with its statement and lock time limits, the trace of its work (`app.trace`, tracing.py) and,
for the API, its user (`app.user_id`), all by SET LOCAL alone: a pooled connection forgets them at COMMIT. What the
database refuses for good reason passes as it is; a server that cannot be reached or rows that stay locked become errors
of our own. A crash rolls back: nothing here commits in parts. Who may call: every module of `sync`, and nobody's SQL
lives here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from sync import tracing
from sync.errors import DatabaseBusy, DatabaseUnavailable, UserErased, UserNotFound
from sync.mirror.doorbell import Bell, Notices

P = ParamSpec("P")
R = TypeVar("R")

STATEMENT_SECONDS = 30.0
LOCK_SECONDS = 10.0
_ATTEMPTS = 5
_DEADLOCK, _SERIALIZATION = "40P01", "40001"
_LOCK_TIMEOUT, _STATEMENT_TIMEOUT = "55P03", "57014"
_READ_ONLY = "25006"  # a standby that has not taken over yet

_BEGIN = text("""
    select set_config('statement_timeout', :statement, true), set_config('lock_timeout', :lock, true),
        set_config('app.user_id', :user_id, true), set_config('app.trace', :trace, true),
        set_config('app.doorbell', :doorbell, true)
""")
_BEGIN_AS = text(f"{_BEGIN.text.rstrip()}, being_erased(:user_id) as erased")
_LOCK_OWNERS = text("select lock_owners(:owners)")
_USER = text("select from users where id = :id")
_LOCK_OWN = text("select lock_own_counter()")
_MARKED = text("select path, epoch, number from marked_since(:number)")


@dataclass(frozen=True, order=True)
class Mark:
    """A document that an edit marked, and the version it will have in the mirror (or a later one)."""

    path: str
    epoch: int
    number: int


def psycopg2_url(url: str) -> URL:
    """The URL with its driver named: SQLAlchemy's default driver is not ours."""
    return make_url(url.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+psycopg2")


def make_engine(
    url: str, *, role_hint: str, pool_size: int = 5, max_overflow: int = 10, bell: Bell | None = None
) -> Engine:
    """An engine that connects at first use; `role_hint` names its connections in pg_stat_activity.

    A dead peer is noticed within seconds (keepalives and tcp_user_timeout), not within TCP's quarter of an hour. With a
    `bell`, its transactions ring that one for the mirror, instead of NOTIFY.
    """
    engine = create_engine(
        psycopg2_url(url),
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_pre_ping=True,
        pool_recycle=1800,
        execution_options={"bell": bell},
        hide_parameters=True,  # or a statement that fails would log what the user wrote
        connect_args={
            "application_name": f"livespend {role_hint}",
            "connect_timeout": 5,
            "keepalives": 1,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
            "options": "-c timezone=UTC",
        },
    )
    if bell is not None:
        event.listen(engine, "connect", _take_notices)
    return engine


@contextmanager
def transaction(
    engine: Engine,
    user_id: str | None = None,
    *,
    statement_seconds: float = STATEMENT_SECONDS,
    lock_seconds: float = LOCK_SECONDS,
) -> Iterator[Connection]:
    """One READ COMMITTED transaction, as `user_id` if given; commits at the end, rolls back on any exception.

    Raises DatabaseUnavailable when the server cannot be reached, DatabaseBusy when a time limit is over; UserErased as
    the API, from the moment at which the user's erasure was asked for.
    """
    with _translated(), engine.begin() as connection:
        _open(connection, user_id, statement_seconds, lock_seconds)
        yield connection
        ring = _bells(connection)
    ring()


@contextmanager
def transaction_on(
    connection: Connection, *, statement_seconds: float = STATEMENT_SECONDS, lock_seconds: float = LOCK_SECONDS
) -> Iterator[None]:
    """As transaction, on a connection that the caller holds for several of them: its temporary tables live on."""
    with _translated(), connection.begin():
        _open(connection, None, statement_seconds, lock_seconds)
        yield
        ring = _bells(connection)
    ring()


@contextmanager
def snapshot(
    engine: Engine, user_id: str | None = None, *, statement_seconds: float = STATEMENT_SECONDS
) -> Iterator[Connection]:
    """One REPEATABLE READ, READ ONLY transaction: every statement sees the ledger of the same moment."""
    with _translated(), engine.connect() as plain:
        connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            _open(connection, user_id, statement_seconds, LOCK_SECONDS)
            yield connection


@contextmanager
def edit(engine: Engine, user_id: str, *, signed_up: bool = True) -> Iterator[tuple[Connection, list[Mark]]]:
    """A transaction in which a user edits: their counter is locked first, the marks of the edit are listed last.

    The list is filled when the block ends without exception, just before COMMIT; a no-op leaves it empty.
    Raises UserNotFound for a user without a ledger, unless the edit is what makes it.
    """
    marked: list[Mark] = []
    with transaction(engine, user_id) as connection:
        if signed_up and connection.execute(_USER, {"id": user_id}).first() is None:
            raise UserNotFound
        number = connection.execute(_LOCK_OWN).scalar_one()
        yield connection, marked
        marked += [Mark(*row) for row in connection.execute(_MARKED, {"number": number})]


def lock_owners(connection: Connection, owners: Iterable[str]) -> None:
    """Locks the counters of these owners until the transaction ends; always before any write of their rows.

    The database takes them in its one order (users, then households, ascending): late or in disorder they deadlock.
    """
    connection.execute(_LOCK_OWNERS, {"owners": sorted(set(owners))})


def retrying(function: Callable[P, R]) -> Callable[P, R]:
    """Wraps a function that owns a whole transaction: run again after a deadlock or serialization failure.

    Up to five runs with jitter between them; then the database's own error passes. Use as `@retrying`.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        attempts = Retrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.02, max=0.5),
            retry=retry_if_exception(_lost_a_race),
            reraise=True,
        )
        return attempts(function, *args, **kwargs)

    return run


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a database error, None for anything else."""
    if isinstance(error, DBAPIError):
        error = error.orig or error
    return getattr(error, "pgcode", None)


def _lost_a_race(error: BaseException) -> bool:
    return sqlstate(error) in (_DEADLOCK, _SERIALIZATION)


def _open(connection: Connection, user_id: str | None, statement_seconds: float, lock_seconds: float) -> None:
    limits = {"statement": f"{statement_seconds * 1000:.0f}", "lock": f"{lock_seconds * 1000:.0f}"}
    if _bell(connection) is not None:
        _notices(connection).owners.clear()
    doorbell = "redis" if connection.get_execution_options().get("bell") else ""
    bound = {**limits, "user_id": user_id or "", "trace": tracing.for_database(), "doorbell": doorbell}
    if connection.execute(_BEGIN_AS if user_id else _BEGIN, bound).one()[-1] is True:
        raise UserErased


def _bell(connection: Connection) -> Bell | None:
    """Whom this transaction rings itself; a savepoint rings nobody, what is around it does."""
    if connection.in_nested_transaction():
        return None
    bell: Bell | None = connection.get_execution_options().get("bell")
    return bell


def _bells(connection: Connection) -> Callable[[], None]:
    """Just before COMMIT: what has to be rung after it."""
    if (bell := _bell(connection)) is None:
        return lambda: None
    owners = set(_notices(connection).owners)
    return lambda: bell.ring(owners)


def _notices(connection: Connection) -> Notices:
    notices: Notices = connection.connection.dbapi_connection.notices  # type: ignore[union-attr]
    return notices


def _take_notices(dbapi_connection: Any, _: Any) -> None:
    dbapi_connection.notices = Notices()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        state = sqlstate(error)
        if state in (_LOCK_TIMEOUT, _STATEMENT_TIMEOUT):
            raise DatabaseBusy from error
        unreachable = isinstance(error, (OperationalError, InterfaceError)) and (
            state is None or state[:2] in ("08", "57")
        )
        if error.connection_invalidated or unreachable or state == _READ_ONLY:
            raise DatabaseUnavailable from error
        raise

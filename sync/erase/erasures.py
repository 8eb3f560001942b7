"""Erasures: who asked to be erased, how far that is, and the rows of a user that are found by walking the catalogue.

A row lives from the request until its signed record, which stays; the user's id goes with the last step, a digest of it
stays, so that nobody's erasure can be read off the table and a uid that comes back is known. Which tables hold rows of
a user is not listed anywhere: `erasable_tables()` (migrations/sql/0017_erasures.sql) finds them by their columns.
Called by erase.py, users' routes and the operator's commands.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from sync.db import retrying, transaction
from sync.deps import Deps
from sync.errors import ErasureNotFound, UserNotFound

_AT_ONCE = 100
_LONGEST_PAUSE = 600.0

_ASK_OWN = text("select ask_erasure(:now)")
_ASK = text("""
    insert into erasures (user_id, user_sha256, asked_by, asked_at, step_at, due_at)
    select id, sha256(convert_to(id, 'UTF8')), 'operator', :now, :now, :now from users where id = :user_id
    on conflict do nothing
""")
_OF_USER = text("select id from erasures where user_id = :user_id")
_COLUMNS = """id, user_id, encode(user_sha256, 'hex') as user_sha256, asked_by, asked_at, step, step_at, due_at,
    failures, problem, items, plaid_items, households, deleted, finished_at"""
_FIND = text(f"select {_COLUMNS}, record, signature, signing_key_id from erasures where id = :id")  # noqa: S608
_ALL = text(f"select {_COLUMNS} from erasures order by asked_at, id")  # noqa: S608
_DUE = text("""
    select id from erasures where user_id is not null and due_at <= :now order by due_at limit :at_once
""")
_STEP = text("""
    update erasures set step = :step, step_at = :now, due_at = :now, failures = 0, problem = null
    where id = :id and step = :from_step
""")
_PUT_OFF = text("""
    update erasures set failures = failures + 1, problem = :problem,
        due_at = cast(:now as timestamptz)
            + make_interval(secs => least(:pause * power(1.5, least(failures, 30)), :most))
    where id = :id and user_id is not null
""")
_WAIT_UNTIL = text("update erasures set due_at = :until, problem = null where id = :id and user_id is not null")
_REMEMBER_ITEMS = text("""
    update erasures as e set
        items = array(select unnest(e.items) union select id from items where user_id = e.user_id),
        plaid_items = array(
            select unnest(e.plaid_items)
            union select plaid_item_id from items where user_id = e.user_id
            union select plaid_item_id from link_intents where user_id = e.user_id and plaid_item_id is not null)
    where id = :id
""")
_COUNT = text("update erasures set deleted = cast(:deleted as jsonb) where id = :id")
_COUNTED = text("select deleted from erasures where id = :id for update")
_ERASE = text("select erase_rows(:user_id, :most)")
_LEFT = text("select rows_left(:user_id)")
_MARKS = text("select count(*) from changes where owner = :owner")
# What the households that the user has left had to do for it; later marks of theirs are about others.
_SHARED_MARKS = text("""
    select count(*) from erasures as e cross join lateral jsonb_each_text(e.households) as h(owner, number)
    join changes as c on c.owner = h.owner and c.number <= h.number::bigint
    where e.id = :id
""")
_LEAVE = text("select leave_households(:user_id)")
_DIRTY = text("select count(*) from owners where owner = :owner and dirty")
_KEEP_EPOCH = text("""
    update erasures as e set epoch = greatest(e.epoch, o.epoch) from owners as o
    where e.id = :id and o.owner = 'users/' || e.user_id
""")
_SIGN = text("""
    update erasures set step = 'done', step_at = :now, due_at = :now, finished_at = :now, user_id = null, items = '{}',
        plaid_items = '{}', households = '{}', problem = null, record = cast(:record as jsonb), signature = :signature,
        signing_key_id = :signing_key_id
    where id = :id and step = 'read'
""")


@dataclass(frozen=True)
class Later:
    """A step that has to be tried again: after so many seconds, growing, or at a time."""

    reason: str
    seconds: float = 1.0
    until: datetime | None = None


def ask_own(deps: Deps, user_id: str) -> UUID:
    """The signed-in user asks; from then on the API refuses them. Raises UserNotFound; UserErased the next time."""
    with transaction(deps.engine, user_id) as connection:
        found = connection.execute(_ASK_OWN, {"now": deps.now()}).scalar()
    if found is None:
        raise UserNotFound
    deps.ring("erase_user", {"erasure_id": str(found)})
    return UUID(str(found))


def ask(deps: Deps, user_id: str) -> UUID:
    """An operator asks, with the worker's role; twice is the same erasure. Raises UserNotFound."""
    with transaction(deps.engine) as connection:
        connection.execute(_ASK, {"user_id": user_id, "now": deps.now()})
        found: UUID | None = connection.execute(_OF_USER, {"user_id": user_id}).scalar()
    if found is None:
        raise UserNotFound
    return found


def find(deps: Deps, erasure_id: UUID) -> Row[Any]:
    """One erasure with its record, if it has one. Raises ErasureNotFound."""
    with transaction(deps.engine) as connection:
        row = connection.execute(_FIND, {"id": erasure_id}).first()
    if row is None:
        raise ErasureNotFound
    return row


def list_all(deps: Deps) -> list[dict[str, Any]]:
    """Every erasure, the oldest first; of finished ones the digest of the user's id is all that is left."""
    with transaction(deps.engine) as connection:
        return [dict(row._mapping) for row in connection.execute(_ALL)]


def due(connection: Connection, now: datetime) -> list[UUID]:
    """Erasures that have something to do."""
    return list(connection.execute(_DUE, {"now": now, "at_once": _AT_ONCE}).scalars())


# --- how far it is ---


@retrying
def advance(deps: Deps, erasure: Row[Any], step: str) -> None:
    """Moves on to a step, unless somebody else did. Twice is safe."""
    with transaction(deps.engine) as connection:
        moved = {"id": erasure.id, "from_step": erasure.step, "step": step, "now": deps.now()}
        connection.execute(_STEP, moved)


def put_off(deps: Deps, erasure: Row[Any], later: Later) -> None:
    """Notes why a step is not through and when to try again."""
    with transaction(deps.engine) as connection:
        if later.until is not None:
            connection.execute(_WAIT_UNTIL, {"id": erasure.id, "until": later.until})
            return
        bound = {"pause": later.seconds, "most": _LONGEST_PAUSE, "problem": later.reason, "now": deps.now()}
        connection.execute(_PUT_OFF, {"id": erasure.id, **bound})


def remember_items(connection: Connection, erasure: Row[Any]) -> None:
    """Keeps the ids by which rows without a user are found, before the items go."""
    connection.execute(_REMEMBER_ITEMS, {"id": erasure.id})


def count(connection: Connection, erasure: Row[Any], kind: str, more: dict[str, int]) -> None:
    """Adds to what the record will say was deleted, in the transaction that deletes it."""
    known: dict[str, Any] = connection.execute(_COUNTED, {"id": erasure.id}).scalar_one()
    known[kind] = dict(Counter(known.get(kind, {})) + Counter(more))
    connection.execute(_COUNT, {"id": erasure.id, "deleted": json.dumps(known)})


# --- the user's rows ---


@retrying
def erase_some(deps: Deps, erasure: Row[Any], most: int) -> int:
    """Deletes up to so many rows of what the step deletes, and counts them; answers how many. Twice is safe."""
    with transaction(deps.engine) as connection:
        gone: dict[str, int] = connection.execute(_ERASE, {"user_id": erasure.user_id, "most": most}).scalar_one()
        if gone:
            count(connection, erasure, "ledger", gone)
    return sum(gone.values())


def rows_left(deps: Deps, erasure: Row[Any]) -> dict[str, int]:
    """Reads every table that can hold rows of a user; answers how many it still has."""
    with transaction(deps.engine, statement_seconds=600) as connection:
        left: dict[str, int] = connection.execute(_LEFT, {"user_id": erasure.user_id}).scalar_one()
    return left


@retrying
def leave_households(deps: Deps, erasure: Row[Any]) -> None:
    """Takes the user out of every household, under the counters of all their members. Twice is safe."""
    with transaction(deps.engine) as connection:
        if left := connection.execute(_LEAVE, {"user_id": erasure.user_id}).scalar_one():
            count(connection, erasure, "households", {"left": left})


def is_mirrored(connection: Connection, erasure: Row[Any]) -> bool:
    """Whether the mirror has nothing left to do for the user."""
    bound = {"owner": f"users/{erasure.user_id}"}
    waiting = (connection.execute(_MARKS, bound), connection.execute(_SHARED_MARKS, {"id": erasure.id}))
    return not any(found.scalar() for found in waiting) and not connection.execute(_DIRTY, bound).scalar()


def keep_epoch(connection: Connection, erasure: Row[Any]) -> None:
    """Keeps the counter's epoch, above which a user with the same id begins."""
    connection.execute(_KEEP_EPOCH, {"id": erasure.id})


def finish(deps: Deps, erasure: Row[Any], record: dict[str, Any], signature: bytes, signing_key_id: UUID) -> bool:
    """Stores the signed record and forgets whose it is, at once; answers whether it was still to be done."""
    signed = {"record": json.dumps(record), "signature": signature, "signing_key_id": signing_key_id}
    with transaction(deps.engine) as connection:
        return connection.execute(_SIGN, {"id": erasure.id, "now": deps.now(), **signed}).rowcount == 1

"""Link intents: that an item is about to be made, committed before Plaid is asked for it.

Plaid's exchange cannot be rolled back: a crash after it would leave an item that costs money and that nobody knows.
So the public token is committed (sealed) before it is exchanged, Plaid's access token before anything else is done
with it, and the intent is closed in the transaction that stores the item. Whoever works on an intent has it until
`due_at`; a second worker may take it after that, and the number of the try decides who may still write. What is left
open is found by the sweep. A public token is one intent, however often it is told. Called by links.py, hosted_link.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

from sync.db import transaction
from sync.deps import Deps
from sync.errors import LinkUnderWay, PlaidPublicToken
from sync.keys.vault import Sealed

# Longer than every call of one link may take.
LEASE = timedelta(minutes=3)
# What a page may take to send a failed request again.
_GRACE = timedelta(minutes=1)
_AT_ONCE = 200
_CLOSED = ("stored", "removed", "refused", "lost")

Sealing = dict[str, Any]

_NOTE = text("""
    insert into link_intents (id, user_id, session_id, public_sha256, key_id, nonce, ciphertext, wrapped_key,
        due_at, created_at)
    values (:id, :user_id, :session_id, :public_sha256, :key_id, :nonce, :ciphertext, :wrapped_key, :now, :now)
    on conflict do nothing
""")
_OF_TOKEN = text("select id, state from link_intents where public_sha256 = :public_sha256")
_TAKE = text("""
    update link_intents as i set tries = tries + 1, due_at = :until
    where id = :id and closed_at is null and due_at <= :now
    returning id, user_id, session_id, state, tries, plaid_item_id, key_id, nonce, ciphertext, wrapped_key,
        coalesce((select hosted from link_sessions as s where s.id = i.session_id), false) as hosted
""")
_EXCHANGED = text("""
    update link_intents set state = 'exchanged', plaid_item_id = :plaid_item_id, key_id = :key_id, nonce = :nonce,
        ciphertext = :ciphertext, wrapped_key = :wrapped_key
    where id = :id and tries = :tries and state = 'asked'
""")
_UNWANTED = text("""
    update link_intents set state = 'unwanted', problem = :problem
    where id = :id and tries = :tries and state in ('exchanged', 'unwanted')
""")
_CLOSE = text("""
    update link_intents set state = :state, problem = coalesce(:problem, problem), closed_at = :now,
        key_id = null, nonce = null, ciphertext = null, wrapped_key = null
    where id = :id and tries = :tries and closed_at is null
""")
_POSTPONE = text("""
    update link_intents set problem = :problem, due_at = cast(:now as timestamptz)
        + least(5 * power(2, least(tries, 10)), 3600) * (0.5 + random()) * interval '1 second'
    where id = :id and tries = :tries and closed_at is null
""")
_RELEASE = text("""
    update link_intents set due_at = :now where id = :id and tries = :tries and closed_at is null
""")
_DUE = text("select id from link_intents where closed_at is null and due_at <= :before order by due_at limit :at_once")
_OF_SESSION = text("select id from link_intents where session_id = :session_id order by created_at, id")
_FORGET = text("delete from link_intents where closed_at < :before")
_OPEN_OR_LOST = text("""
    select id::text, user_id, state, plaid_item_id, problem, tries, created_at, due_at, closed_at
    from link_intents where closed_at is null or state = 'lost'
    order by created_at, id
""")


@dataclass(frozen=True)
class Intent:
    """An intent in the hands of one worker. `token` is the public token until state 'exchanged', then the item's."""

    id: UUID
    user_id: str
    session_id: UUID | None
    hosted: bool
    state: str
    tries: int
    plaid_item_id: str | None
    sealed: Sealed = field(repr=False)

    @property
    def refusal_is_a_loss(self) -> bool:
        """Whether a public token that Plaid refuses may be one that was exchanged before a crash, or by webhook."""
        return self.hosted or self.tries > 1


def seal(deps: Deps, user_id: str, session_id: UUID | None, public_token: str) -> Sealing:
    """Seals a public token for `note`; asks the key service, so call it before a transaction is open."""
    assert deps.vault is not None
    intent_id, now = uuid4(), deps.now()
    sealed = deps.vault.encrypt(intent_id, public_token)
    named = {"id": intent_id, "user_id": user_id, "session_id": session_id, "public_sha256": digest(public_token)}
    return {**named, **sealed.__dict__, "now": now}


def note(connection: Connection, sealing: Sealing) -> None:
    """Stores an intent that nobody works on yet. Twice is safe: a public token is one intent."""
    connection.execute(_NOTE, sealing)


def stored(deps: Deps, user_id: str, public_token: str) -> UUID | None:
    """The item that this public token has become, None if it has become none."""
    with transaction(deps.engine, user_id) as connection:
        row = connection.execute(_OF_TOKEN, {"public_sha256": digest(public_token)}).first()
    return row.id if row is not None and row.state == "stored" else None


def begin(deps: Deps, user_id: str, session_id: UUID | None, public_token: str) -> Intent:
    """Stores an intent and takes it, or takes the one that there is for this token if nobody works on it.

    Raises LinkUnderWay while somebody does, PlaidPublicToken when it is closed or another user's.
    """
    sealing = seal(deps, user_id, session_id, public_token)
    with transaction(deps.engine, user_id) as connection:
        note(connection, sealing)
        row = connection.execute(_OF_TOKEN, {"public_sha256": sealing["public_sha256"]}).first()
        if row is None or row.state in _CLOSED:
            raise PlaidPublicToken("This public token was used already.")
        taken = _take(connection, deps, row.id)
    if taken is None:
        raise LinkUnderWay
    return taken


def take(deps: Deps, intent_id: UUID) -> Intent | None:
    """Takes an open intent that is due; None when it is closed or somebody works on it. For the worker."""
    with transaction(deps.engine) as connection:
        return _take(connection, deps, intent_id)


def exchanged(deps: Deps, intent: Intent, sealed: Sealed, plaid_item_id: str) -> Intent:
    """Commits the access token that Plaid has answered; raises LinkUnderWay if another has it by now."""
    bound = {"id": intent.id, "tries": intent.tries, "plaid_item_id": plaid_item_id, **sealed.__dict__}
    with transaction(deps.engine, intent.user_id) as connection:
        if connection.execute(_EXCHANGED, bound).rowcount == 0:
            raise LinkUnderWay
    return replace(intent, state="exchanged", sealed=sealed, plaid_item_id=plaid_item_id)


def unwanted(connection: Connection, intent: Intent, problem: str) -> None:
    """Says in this transaction that the item is to be ended at Plaid; raises LinkUnderWay if another has it by now."""
    if connection.execute(_UNWANTED, {"id": intent.id, "tries": intent.tries, "problem": problem}).rowcount == 0:
        raise LinkUnderWay


def close(connection: Connection, deps: Deps, intent: Intent, state: str, problem: str | None = None) -> None:
    """Ends the intent in this transaction and forgets its token; raises LinkUnderWay if another has it by now."""
    bound = {"id": intent.id, "tries": intent.tries, "state": state, "problem": problem, "now": deps.now()}
    if connection.execute(_CLOSE, bound).rowcount == 0:
        raise LinkUnderWay


def postpone(deps: Deps, intent: Intent, problem: str) -> None:
    """Lets go of an intent until its next try: seconds first, an hour at most."""
    bound = {"id": intent.id, "tries": intent.tries, "problem": problem, "now": deps.now()}
    with transaction(deps.engine, intent.user_id) as connection:
        connection.execute(_POSTPONE, bound)


def release(deps: Deps, intent: Intent) -> None:
    """Lets go of an intent at once, for whoever tries again; an intent that is closed stays as it is."""
    with transaction(deps.engine, intent.user_id) as connection:
        connection.execute(_RELEASE, {"id": intent.id, "tries": intent.tries, "now": deps.now()})


def due(connection: Connection, deps: Deps) -> list[UUID]:
    """The open intents that nobody works on, and that nobody has tried again."""
    return list(connection.execute(_DUE, {"before": deps.now() - _GRACE, "at_once": _AT_ONCE}).scalars())


def of_session(connection: Connection, session_id: UUID) -> list[UUID]:
    """The intents of one use of Link, closed ones too, in the order in which they were told."""
    return list(connection.execute(_OF_SESSION, {"session_id": session_id}).scalars())


def forget_old(connection: Connection, deps: Deps, after: timedelta) -> int:
    """Forgets intents that were closed long ago; answers how many."""
    return connection.execute(_FORGET, {"before": deps.now() - after}).rowcount


def open_or_lost(connection: Connection) -> list[dict[str, Any]]:
    """What an operator has to know of: intents that are not closed, and items at Plaid that nobody can reach."""
    return [dict(row) for row in connection.execute(_OPEN_OR_LOST).mappings()]


def digest(token: str) -> bytes:
    """What a token is found again by."""
    return hashlib.sha256(token.encode()).digest()


def _take(connection: Connection, deps: Deps, intent_id: UUID) -> Intent | None:
    now = deps.now()
    row = connection.execute(_TAKE, {"id": intent_id, "now": now, "until": now + LEASE}).first()
    return None if row is None else _intent(row)


def _intent(row: Row[Any]) -> Intent:
    columns = (row.id, row.user_id, row.session_id, row.hosted, row.state, row.tries, row.plaid_item_id)
    return Intent(*columns, Sealed.of(row))

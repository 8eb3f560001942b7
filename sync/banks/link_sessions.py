"""Link sessions: each use of Link, whose it is and what it is for.

A row is stored before the page gets its link token; the token's digest binds whatever comes back to the user who
asked, which for Hosted Link is all there is. Of a Hosted Link session the token itself is kept too, sealed, while it
is open: with it Plaid is asked how the session ended if no webhook tells. Called by items.py, links.py, hosted_link.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

from sync.banks.link_intents import digest
from sync.banks.link_tokens import LinkToken
from sync.db import transaction
from sync.deps import Deps
from sync.errors import LinkSessionNotFound
from sync.keys.vault import Sealed

_FIRST_LOOK = timedelta(minutes=2)
_LAST_WORD = timedelta(minutes=30)  # as long as a public token of the last second lives
_AT_ONCE = 200

_NEW = text("""
    insert into link_sessions (id, user_id, token_sha256, mode, item_id, hosted, key_id, nonce, ciphertext, wrapped_key,
        expires_at, look_at)
    values (:id, :user_id, :token_sha256, :mode, :item_id, :hosted, :key_id, :nonce, :ciphertext, :wrapped_key,
        :expires_at, :look_at)
""")
_OF_TOKEN = text("select id, mode from link_sessions where token_sha256 = :token_sha256")
_SHOWN = text("""
    select id::text, mode, case state when 'told' then 'open' else state end as state, item_id::text, problem
    from link_sessions where id = :id
""")
_END = text("""
    update link_sessions set state = :state, problem = :problem, item_id = coalesce(:item_id, item_id),
        key_id = null, nonce = null, ciphertext = null, wrapped_key = null
    where id = :id and state in ('open', 'told')
""")
_END_UPDATES = text("""
    update link_sessions set state = 'finished',
        key_id = null, nonce = null, ciphertext = null, wrapped_key = null
    where item_id = :item_id and mode = 'update' and state in ('open', 'told')
""")
_TOLD = text("update link_sessions set state = 'told', look_at = :now where id = :id and state = 'open'")
_HOSTED = text("""
    select id, user_id, mode, item_id, state from link_sessions
    where id = :id and hosted and state in ('open', 'told')
""")
_LOOK = text("""
    update link_sessions set looks = looks + 1,
        look_at = cast(:now as timestamptz) + least(power(2, looks + 1), 15) * interval '1 minute'
    where id = :id and state = 'open' and look_at <= :now and ciphertext is not null
    returning key_id, nonce, ciphertext, wrapped_key
""")
_DUE = text("""
    select id from link_sessions
    where hosted and (state = 'open' or state = 'told' and mode = 'update') and look_at <= :now
    order by look_at limit :at_once
""")
_EXPIRE = text("""
    update link_sessions as s set state = 'expired',
        key_id = null, nonce = null, ciphertext = null, wrapped_key = null
    where s.state in ('open', 'told') and s.expires_at < :before
      and not exists (select from link_intents as i where i.session_id = s.id and i.closed_at is null)
""")
_FORGET = text("""
    delete from link_sessions as s
    where s.expires_at < :before and not exists (select from link_intents as i where i.session_id = s.id)
""")


@dataclass(frozen=True)
class HostedSession:
    """A use of Hosted Link that has not come to its end."""

    id: UUID
    user_id: str
    mode: str
    item_id: UUID | None
    state: str


@dataclass(frozen=True)
class Opened:
    """A link token that was made for somebody."""

    session_id: UUID
    link: LinkToken = field(repr=False)


def remember(deps: Deps, user_id: str, link: LinkToken, item_id: UUID | None) -> Opened:
    """Binds a link token to its user, and in update mode to the item; raises VaultFailed."""
    hosted, session_id = link.hosted_url is not None, uuid4()
    row: dict[str, Any] = {
        "id": session_id,
        "user_id": user_id,
        "token_sha256": digest(link.token),
        "mode": "new" if item_id is None else "update",
        "item_id": item_id,
        "hosted": hosted,
        "expires_at": link.expires_at,
        "look_at": deps.now() + _FIRST_LOOK if hosted else None,
        **_sealed(deps, session_id, link.token if hosted else None),
    }
    with transaction(deps.engine, user_id) as connection:
        connection.execute(_NEW, row)
    return Opened(session_id, link)


def of_token(deps: Deps, user_id: str, link_token: str) -> tuple[UUID, str]:
    """The user's session that a link token opened, and its mode; raises LinkSessionNotFound."""
    with transaction(deps.engine, user_id) as connection:
        row = connection.execute(_OF_TOKEN, {"token_sha256": digest(link_token)}).first()
    if row is None:
        raise LinkSessionNotFound
    return row.id, row.mode


def show(deps: Deps, user_id: str, session_id: UUID) -> dict[str, Any]:
    """How a use of Link stands: open, finished, failed (with the problem) or expired; raises LinkSessionNotFound."""
    with transaction(deps.engine, user_id) as connection:
        row = connection.execute(_SHOWN, {"id": session_id}).first()
    if row is None:
        raise LinkSessionNotFound
    return {"id": row.id, "mode": row.mode, "state": row.state, "itemId": row.item_id, "problem": row.problem}


def end(
    connection: Connection, session_id: UUID | None, *, item_id: UUID | None = None, problem: str | None = None
) -> None:
    """Ends a session, in success unless there is a problem. Twice is safe: the first end stays."""
    state = "finished" if problem is None else "failed"
    connection.execute(_END, {"id": session_id, "state": state, "item_id": item_id, "problem": problem})


def end_updates(connection: Connection, item_id: UUID) -> None:
    """Ends every open update mode of an item."""
    connection.execute(_END_UPDATES, {"item_id": item_id})


def tell(connection: Connection, deps: Deps, session_id: UUID) -> None:
    """Notes that Plaid has told of the session's success, so the worker acts at once."""
    connection.execute(_TOLD, {"id": session_id, "now": deps.now()})


def hosted(deps: Deps, session_id: UUID) -> HostedSession | None:
    """A Hosted Link session that has not ended; None for any other. For the worker."""
    with transaction(deps.engine) as connection:
        row = connection.execute(_HOSTED, {"id": session_id}).first()
    return None if row is None else HostedSession(*row)


def look(deps: Deps, session_id: UUID) -> str | None:
    """Takes the turn to ask Plaid, and answers the link token to ask with; None when it is nobody's turn yet."""
    assert deps.vault is not None
    with transaction(deps.engine) as connection:
        row = connection.execute(_LOOK, {"id": session_id, "now": deps.now()}).first()
    return None if row is None else deps.vault.decrypt(session_id, Sealed.of(row))


def due(connection: Connection, deps: Deps) -> list[UUID]:
    """The Hosted Link sessions that nothing was heard of for minutes. Expires what can end in nothing any more."""
    now = deps.now()
    connection.execute(_EXPIRE, {"before": now - _LAST_WORD})
    return list(connection.execute(_DUE, {"now": now, "at_once": _AT_ONCE}).scalars())


def forget_old(connection: Connection, deps: Deps, after: timedelta) -> int:
    """Forgets sessions that ended long ago and have no intent left; answers how many."""
    return connection.execute(_FORGET, {"before": deps.now() - after}).rowcount


def _sealed(deps: Deps, session_id: UUID, token: str | None) -> dict[str, Any]:
    if token is None:
        return dict.fromkeys(("key_id", "nonce", "ciphertext", "wrapped_key"))
    assert deps.vault is not None
    return deps.vault.encrypt(session_id, token).__dict__

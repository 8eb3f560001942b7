"""Hosted Link: Link at an address of Plaid's own, for a page that Plaid's script does not reach.

How it ended comes by webhook (LINK SESSION_FINISHED, ITEM_ADD_RESULT), as often as Plaid likes, or not at all: then
Plaid is asked with the link token. Either way the public tokens become link intents, one for each token, bound to the
user by the digest of the link token alone; the worker's `finish_link` settles them. Tokens are cut out of a webhook
before it is stored. Other uses of Link end on the page: webhooks about those change nothing. Called by webhooks.py,
the worker's task and the sweep.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from sync import log
from sync.banks import items, link_intents, link_sessions, links
from sync.banks.link_intents import Sealing, digest, seal
from sync.banks.link_sessions import HostedSession
from sync.banks.link_tokens import LinkResult
from sync.db import transaction
from sync.deps import Deps
from sync.errors import ItemNotFound, PlaidError

_log = log.get(__name__)

_TOKEN = re.compile(rb"\b(?:access|public|link)-(?:sandbox|production|development)-[0-9A-Za-z-]+")
_CODES = ("SESSION_FINISHED", "ITEM_ADD_RESULT")
_SESSION_OF = text("select id, user_id, mode, hosted from link_session_of(:token_sha256)")


@dataclass(frozen=True)
class News:
    """What a webhook says of a Hosted Link session of ours."""

    session_id: UUID
    user_id: str
    succeeded: bool
    intents: list[Sealing] = field(repr=False)


def without_tokens(body: bytes) -> bytes:
    """A webhook's body without anything that is a token of Plaid's."""
    return _TOKEN.sub(b"[removed]", body)


def read_news(deps: Deps, body: bytes) -> News | None:
    """Reads a signed LINK webhook; None when it ends no Hosted Link session that we know. Raises VaultFailed."""
    told = json.loads(body)
    token = told.get("link_token")
    if told.get("webhook_code") not in _CODES or not isinstance(token, str):
        return None
    with transaction(deps.engine) as connection:
        session = connection.execute(_SESSION_OF, {"token_sha256": digest(token)}).first()
    if session is None or not session.hosted:
        return None
    if session.mode == "update":
        return News(session.id, session.user_id, _succeeded(told), [])
    intents = [seal(deps, session.user_id, session.id, token) for token in _public_tokens(told)]
    return News(session.id, session.user_id, bool(intents), intents)


def note_news(connection: Connection, deps: Deps, news: News) -> None:
    """Stores what a webhook says, in a transaction opened for its user. Twice is safe."""
    for intent in news.intents:
        link_intents.note(connection, intent)
    if news.succeeded:
        link_sessions.tell(connection, deps, news.session_id)


def finish_link(deps: Deps, session_id: UUID) -> None:
    """Brings a Hosted Link session to its end, if it has one; asks Plaid when no webhook told. Twice is safe."""
    session = link_sessions.hosted(deps, session_id)
    if session is None:
        return
    if session.state == "open" and _ask(deps, session):
        session = link_sessions.hosted(deps, session_id) or session
    if session.mode == "update":
        _finish_update(deps, session)
    else:
        _settle(deps, session)


def owed(deps: Deps) -> list[tuple[str, dict[str, str]]]:
    """The tasks that linking is owed: open intents that nobody works on, sessions that nothing was heard of."""
    with transaction(deps.engine) as connection:
        intents, sessions = link_intents.due(connection, deps), link_sessions.due(connection, deps)
    settle = [("settle_link", {"intent_id": str(intent_id)}) for intent_id in intents]
    return settle + [("finish_link", {"session_id": str(session_id)}) for session_id in sessions]


def _settle(deps: Deps, session: HostedSession) -> None:
    with transaction(deps.engine) as connection:
        intents = link_intents.of_session(connection, session.id)
    for intent_id in intents:
        links.settle_link(deps, intent_id)


def _finish_update(deps: Deps, session: HostedSession) -> None:
    if session.state != "told" or session.item_id is None:
        return
    try:
        items.finish_update(deps, session.user_id, session.item_id, opening=links.as_worker)
    except ItemNotFound as gone:  # unlinked meanwhile
        with transaction(deps.engine) as connection:
            link_sessions.end(connection, session.id, problem=gone.code)


def _ask(deps: Deps, session: HostedSession) -> bool:
    """Asks Plaid how the session ended, if it is time to; answers whether there is news."""
    assert deps.plaid is not None
    link_token = link_sessions.look(deps, session.id)
    if link_token is None:
        return False
    try:
        ended = [result for result in deps.plaid.link_token_get(link_token) if result.success]
    except PlaidError as error:
        _log.warning("link_session_not_read", session_id=str(session.id), reason=error.code)
        return False
    news = _news(deps, session, ended)
    with transaction(deps.engine) as connection:
        note_news(connection, deps, news)
    return news.succeeded


def _news(deps: Deps, session: HostedSession, ended: list[LinkResult]) -> News:
    if session.mode == "update":
        return News(session.id, session.user_id, bool(ended), [])
    tokens = [token for result in ended for token in result.public_tokens]
    intents = [seal(deps, session.user_id, session.id, token) for token in tokens]
    return News(session.id, session.user_id, bool(intents), intents)


def _succeeded(told: dict[str, Any]) -> bool:
    return told.get("webhook_code") == "ITEM_ADD_RESULT" or told.get("status") == "SUCCESS"


def _public_tokens(told: dict[str, Any]) -> list[str]:
    several = told.get("public_tokens")
    named = [*(several if isinstance(several, list) else []), told.get("public_token")]
    return list(dict.fromkeys(token for token in named if isinstance(token, str) and token))

"""Plaid's webhooks: verify, store, wake the pull.

A webhook is only a hint: it carries no id, no time and no order, it repeats and gets lost. It is verified over the raw
bytes (ES256, body digest, age), then one transaction stores it in the inbox and raises `wanted` of its item; after the
commit the doorbell rings. A crash before the commit loses nothing that Plaid does not send again; a crash after it is
found by the sweep. What a stored webhook does to its item is decided by inbox.py, in the worker. Called by the API.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
from jwt.types import Options
from sqlalchemy import text

from sync import tracing
from sync.banks import hosted_link
from sync.banks.inbox import needs_work
from sync.db import transaction
from sync.deps import Deps
from sync.errors import WebhookRejected
from sync.pull.pages import storable

_OLDEST_SECONDS = 300
_SKEW_SECONDS = 60
_UNREADABLE = "UNREADABLE"

_WANT = text("select want_pull(:plaid_item_id)")
_STORE = text("""
    insert into webhook_inbox (body, body_sha256, issued_at, webhook_type, webhook_code, plaid_item_id, state, trace_id)
    values (:body, :body_sha256, :issued_at, :webhook_type, :webhook_code, :plaid_item_id, :state, :trace_id)
    on conflict do nothing
""")


@dataclass(frozen=True)
class Receipt:
    """What became of a webhook: its state in the inbox (new, done, ignored, unmatched), or that it was there before."""

    state: str
    item_id: UUID | None
    duplicate: bool


def receive(deps: Deps, body: bytes, signature: str | None) -> Receipt:
    """Verifies and stores one webhook, then rings `pull_item`. Twice is safe: a replay is stored once.

    A replay asks for a pull all the same: Plaid signs to the second, so news that came after the first was pulled may
    look like it. Raises WebhookRejected (nothing is stored), or PlaidTransient when a new signing key cannot be
    fetched now. A body that is signed but not readable is stored as ignored: refusing it would only make Plaid send it
    again.
    """
    issued_at = verify(deps, body, signature)
    with tracing.under(tracing.current() or tracing.begin("webhook")) as passport:
        return _keep(deps, body, issued_at, passport.trace_id)


def _keep(deps: Deps, body: bytes, issued_at: datetime, trace_id: str) -> Receipt:
    told = _read(body)
    news = hosted_link.read_news(deps, body) if told["webhook_type"] == "LINK" else None
    work = needs_work(told["webhook_type"], told["webhook_code"]) and told["plaid_item_id"] is not None
    with transaction(deps.engine, news.user_id if news else None) as connection:
        item_id = connection.execute(_WANT, told).scalar() if work else None
        state = "done" if news else "ignored" if not work else "new" if item_id else "unmatched"
        if news:
            hosted_link.note_news(connection, deps, news)
        row = told | {"body_sha256": _sha256(body), "issued_at": issued_at, "state": state, "trace_id": trace_id}
        row["body"] = hosted_link.without_tokens(body)
        duplicate = connection.execute(_STORE, row).rowcount == 0
    if item_id:
        deps.ring("pull_item", {"item_id": str(item_id)})
    if news:
        deps.ring("finish_link", {"session_id": str(news.session_id)})
    return Receipt(state, item_id, duplicate)


def verify(deps: Deps, body: bytes, signature: str | None) -> datetime:
    """Answers when Plaid signed the body; raises WebhookRejected if it is forged, altered, stale or early."""
    if not signature:
        raise WebhookRejected("the Plaid-Verification header is missing")
    claims = _claims(deps, signature)
    issued, now = claims.get("iat"), deps.now()
    if isinstance(issued, bool) or not isinstance(issued, int):
        raise WebhookRejected("the signature has no time")
    if not -_SKEW_SECONDS <= now.timestamp() - issued <= _OLDEST_SECONDS:
        raise WebhookRejected("the signature is stale or from the future")
    digest = claims.get("request_body_sha256")
    if not isinstance(digest, str) or not hmac.compare_digest(digest.encode(), _sha256(body).hex().encode()):
        raise WebhookRejected("the body is not the one that was signed")
    return datetime.fromtimestamp(issued, UTC)


def _claims(deps: Deps, signature: str) -> dict[str, Any]:
    assert deps.plaid is not None
    try:
        header = jwt.get_unverified_header(signature)
        key_id = header.get("kid")
        if header.get("alg") != "ES256" or not isinstance(key_id, str) or not 0 < len(key_id) <= 200:
            raise WebhookRejected("the signature is not ES256 with a key id")
        key = jwt.PyJWK(deps.plaid.webhook_keys.find(key_id, deps.now()))
        # The times are judged by the caller, on the clock of the dependencies.
        options: Options = {"verify_iat": False, "verify_exp": False, "verify_nbf": False, "verify_aud": False}
        return jwt.decode(signature, key, algorithms=["ES256"], options=options)
    except jwt.PyJWTError:
        raise WebhookRejected("the signature does not verify") from None


def _read(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return {"webhook_type": _UNREADABLE, "webhook_code": _UNREADABLE, "plaid_item_id": None}
    return {
        "webhook_type": _word(told, "webhook_type") or _UNREADABLE,
        "webhook_code": _word(told, "webhook_code") or _UNREADABLE,
        "plaid_item_id": _word(told, "item_id"),
    }


def _word(told: dict[str, Any], key: str) -> str | None:
    value = told.get(key)
    return storable(value) if isinstance(value, str) else None


def _sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()

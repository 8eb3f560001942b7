"""What a stored webhook does to its item: the one table of webhook codes, and its application.

The worker that holds an item reads its inbox in order of arrival, folds it into one final state and writes that state
and the rows' end in one transaction, under the owner's lock: two workers cannot apply an old webhook over a newer one.
A crash leaves the rows as they were. Codes that are not in the table are stored as ignored, never refused: a handler
that refuses what it does not know can silence all of Plaid's retries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from sync.db import lock_owners, transaction
from sync.deps import Deps
from sync.pages import storable
from sync.plaid_codes import status_after


class Effect(Enum):
    """What a webhook code means for its item."""

    PULL = "pull"
    BROKEN = "the login is broken: stop, ask the user"
    REPAIRED = "the login works again: clear the error, pull"
    ENDING = "access ends soon: ask the user, data still flows"
    REVOKED = "the user took all access away: stop for good"
    ACCOUNT_REVOKED = "the user took one account away: its rows leave the ledger's live set"
    NEW_ACCOUNTS = "more accounts can be linked: say so"


EFFECTS: Mapping[tuple[str, str], Effect] = {
    ("TRANSACTIONS", "SYNC_UPDATES_AVAILABLE"): Effect.PULL,
    ("ITEM", "ERROR"): Effect.BROKEN,
    ("ITEM", "LOGIN_REPAIRED"): Effect.REPAIRED,
    ("ITEM", "PENDING_EXPIRATION"): Effect.ENDING,
    ("ITEM", "PENDING_DISCONNECT"): Effect.ENDING,
    ("ITEM", "USER_PERMISSION_REVOKED"): Effect.REVOKED,
    ("ITEM", "USER_ACCOUNT_REVOKED"): Effect.ACCOUNT_REVOKED,
    ("ITEM", "NEW_ACCOUNTS_AVAILABLE"): Effect.NEW_ACCOUNTS,
}


@dataclass(frozen=True)
class Condition:
    """An item's state as the user is told it."""

    status: str
    error_code: str | None
    error_message: str | None
    consent_expires_at: datetime | None


_HEALTHY = Condition("ok", None, None, None)


@dataclass(frozen=True)
class Verdict:
    """What the inbox says about pulling now: `broke`: it told of a broken login; `asked`: data is waiting."""

    broke: bool = False
    asked: bool = False


_OPEN = text("""
    select w.id, w.webhook_type, w.webhook_code, w.body
    from webhook_inbox as w join items as i on i.plaid_item_id = w.plaid_item_id
    where i.id = :item_id and w.state in ('new', 'unmatched')
    order by w.id
""")
_CONDITION = text("select status, error_code, error_message, consent_expires_at from items where id = :item_id")
_SET_CONDITION = text("""
    update items set status = :status, error_code = :error_code, error_message = :error_message,
        consent_expires_at = :consent_expires_at
    where id = :item_id and (status, error_code, error_message, consent_expires_at)
        is distinct from (:status, :error_code, :error_message, cast(:consent_expires_at as timestamptz))
""")
_REVOKE_ACCOUNTS = text("""
    update accounts set removed_at = now()
    where item_id = :item_id and plaid_account_id = any (:revoked) and removed_at is null
""")
_REMOVE_ACCOUNTS_ROWS = text("""
    update transactions set removed_at = now()
    from accounts
    where accounts.id = transactions.account_id and accounts.item_id = :item_id
      and accounts.plaid_account_id = any (:revoked) and transactions.removed_at is null
""")
_DONE = text("update webhook_inbox set state = 'done' where id = any (:ids)")


def needs_work(webhook_type: str, webhook_code: str) -> bool:
    """Whether a webhook of that type and code changes or wants anything."""
    return (webhook_type, webhook_code) in EFFECTS


def apply_inbox(deps: Deps, item_id: UUID, user_id: str) -> Verdict:
    """Applies the item's open webhooks in order of arrival. Twice is safe: an applied one is not open any more."""
    with deps.engine.connect() as connection:
        if connection.execute(_OPEN, {"item_id": item_id}).first() is None:
            return Verdict()
    with transaction(deps.engine) as connection:
        lock_owners(connection, [f"users/{user_id}"])
        rows = connection.execute(_OPEN, {"item_id": item_id}).all()
        was = Condition(**connection.execute(_CONDITION, {"item_id": item_id}).mappings().one())
        webhooks = [(EFFECTS.get((row.webhook_type, row.webhook_code)), _body(row.body)) for row in rows]
        set_condition(connection, item_id, _folded(was, webhooks))
        _revoke_accounts(connection, item_id, webhooks)
        connection.execute(_DONE, {"ids": [row.id for row in rows]})
    return _verdict([effect for effect, _ in webhooks])


def set_condition(connection: Connection, item_id: UUID, condition: Condition) -> None:
    """Sets the item's state where it differs; the caller holds the owner's lock."""
    connection.execute(_SET_CONDITION, {"item_id": item_id, **condition.__dict__})


def condition_of_error(error: Mapping[str, Any], was: Condition) -> Condition:
    """Answers the state after Plaid told an error of the item; outages and rate limits change nothing."""
    code, message = error.get("error_code"), error.get("display_message")
    status = status_after(code) if isinstance(code, str) else None
    if status is None:
        return was
    told = storable(message) if isinstance(message, str) else None
    return replace(was, status=status, error_code=code, error_message=told)


def _folded(was: Condition, webhooks: list[tuple[Effect | None, dict[str, Any]]]) -> Condition:
    for effect, body in webhooks:
        was = _after(was, effect, body)
    return was


def _after(was: Condition, effect: Effect | None, body: dict[str, Any]) -> Condition:
    match effect:
        case Effect.BROKEN:
            error = body.get("error")
            return condition_of_error(error if isinstance(error, dict) else {"error_code": "ITEM_LOGIN_REQUIRED"}, was)
        case Effect.REPAIRED:
            return _HEALTHY
        case Effect.ENDING if was.status in ("ok", "error"):
            ends = _time(body.get("consent_expiration_time") or body.get("disconnect_time"))
            code = str(body.get("reason") or body.get("webhook_code"))
            return Condition("pending_disconnect", code, None, ends)
        case Effect.REVOKED:
            return Condition("revoked", "USER_PERMISSION_REVOKED", None, None)
        case Effect.NEW_ACCOUNTS if was.status == "ok":
            return replace(was, error_code="NEW_ACCOUNTS_AVAILABLE")
        case _:
            return was


def _verdict(effects: list[Effect | None]) -> Verdict:
    last = next((e for e in reversed(effects) if e in (Effect.BROKEN, Effect.REVOKED, Effect.REPAIRED)), None)
    return Verdict(broke=last in (Effect.BROKEN, Effect.REVOKED), asked=Effect.PULL in effects)


def _revoke_accounts(
    connection: Connection, item_id: UUID, webhooks: list[tuple[Effect | None, dict[str, Any]]]
) -> None:
    revoked = [str(body.get("account_id")) for effect, body in webhooks if effect is Effect.ACCOUNT_REVOKED]
    if revoked:
        connection.execute(_REMOVE_ACCOUNTS_ROWS, {"item_id": item_id, "revoked": revoked})
        connection.execute(_REVOKE_ACCOUNTS, {"item_id": item_id, "revoked": revoked})


def _body(raw: memoryview | bytes) -> dict[str, Any]:
    body = json.loads(bytes(raw))
    assert isinstance(body, dict), "only readable webhooks are stored as new"
    return body


def _time(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None

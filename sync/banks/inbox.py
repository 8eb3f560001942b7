"""What a stored webhook does to its item: the rules of webhook_codes.py and conditions.py, applied.

The worker that holds an item reads its inbox in order of arrival, folds it into one final state and writes that state
and the rows' end in one transaction, under the owner's lock: two workers cannot apply an old webhook over a newer one.
A crash leaves the rows as they were. Codes that are not in the table are stored as ignored, never refused: a handler
that refuses what it does not know can silence all of Plaid's retries. News of a broken login that Plaid signed before
the user repaired it is old news: it changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Row, text

from sync.banks.webhook_codes import Beside, WebhookRule, webhook_rule
from sync.db import lock_owners, transaction
from sync.deps import Deps
from sync.pull.conditions import Event, after
from sync.pull.pages import storable
from sync.pull.plaid_codes import event_of
from sync.pull.recurring import want_recurring


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


class Webhook(NamedTuple):
    """A stored webhook: what its code does, and what it says."""

    rule: WebhookRule
    body: dict[str, Any]


_OPEN = text("""
    select w.id, w.webhook_type, w.webhook_code, w.body,
        w.issued_at < coalesce(i.repaired_at, '-infinity') as before_repair
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
# The newest, so that nobody waits long for the owner's lock; the purge takes the others.
_REMOVE_ACCOUNTS_ROWS = text("""
    with next_rows as (
        select t.id from transactions as t join accounts as a on a.id = t.account_id
        where a.item_id = :item_id and a.plaid_account_id = any (:revoked) and t.removed_at is null
        order by t.month desc, t.id limit 1000
    )
    update transactions as t set removed_at = now() from next_rows as n where t.id = n.id
""")
# What is not open any more tells an operator what came; a replay older than five minutes is refused anyway.
_FORGET = text("""
    delete from webhook_inbox where id in (
        select id from webhook_inbox
        where received_at < :before and state <> 'new'
        order by id limit :at_once)
""")
_KEPT_FOR, _FORGOTTEN_AT_ONCE = timedelta(days=30), 10_000
_DONE = text("update webhook_inbox set state = 'done' where id = any (:ids)")


def needs_work(webhook_type: str, webhook_code: str) -> bool:
    """Whether a webhook of that type and code changes or wants anything."""
    return webhook_rule(webhook_type, webhook_code).acts


def apply_inbox(deps: Deps, item_id: UUID, user_id: str) -> Verdict:
    """Applies the item's open webhooks in order of arrival. Twice is safe: an applied one is not open any more."""
    with deps.engine.connect() as connection:
        if connection.execute(_OPEN, {"item_id": item_id}).first() is None:
            return Verdict()
    with transaction(deps.engine) as connection:
        lock_owners(connection, [f"users/{user_id}"])
        rows = connection.execute(_OPEN, {"item_id": item_id}).all()
        was = Condition(**connection.execute(_CONDITION, {"item_id": item_id}).mappings().one())
        webhooks = [Webhook(_rule(row), _body(row.body)) for row in rows]
        set_condition(connection, item_id, _folded(was, webhooks))
        _revoke_accounts(connection, item_id, webhooks)
        if any(webhook.rule.beside is Beside.RECURRING for webhook in webhooks):
            want_recurring(connection, item_id, deps.now())
        connection.execute(_DONE, {"ids": [row.id for row in rows]})
    return _verdict([webhook.rule for webhook in webhooks])


def _rule(row: Row[Any]) -> WebhookRule:
    rule = webhook_rule(row.webhook_type, row.webhook_code)
    stale = row.before_repair and rule.event in (Event.LOGIN_BROKEN, Event.WITHDRAWN)
    return WebhookRule(pulls=True) if stale else rule


def forget_old(deps: Deps) -> int:
    """Forgets webhooks of more than thirty days ago that were applied, ignored or never matched; answers how many."""
    bound = {"before": deps.now() - _KEPT_FOR, "at_once": _FORGOTTEN_AT_ONCE}
    with transaction(deps.engine) as connection:
        return connection.execute(_FORGET, bound).rowcount


def set_condition(connection: Connection, item_id: UUID, condition: Condition) -> None:
    """Sets the item's state where it differs; the caller holds the owner's lock."""
    connection.execute(_SET_CONDITION, {"item_id": item_id, **condition.__dict__})


def condition_of_error(error: Mapping[str, Any], was: Condition) -> Condition:
    """Answers the state after Plaid told an error of the item; outages and rate limits change nothing."""
    code, message = error.get("error_code"), error.get("display_message")
    event = event_of(code) if isinstance(code, str) else None
    if event is None or was.status == "revoked":
        return was
    told = storable(message) if isinstance(message, str) else None
    return replace(was, status=after(was.status, event), error_code=code, error_message=told)


def _folded(was: Condition, webhooks: list[Webhook]) -> Condition:
    for webhook in webhooks:
        was = _after(was, webhook.rule, webhook.body)
    return was


def _after(was: Condition, rule: WebhookRule, body: dict[str, Any]) -> Condition:
    match rule.event:
        case Event.LOGIN_BROKEN:
            error = body.get("error")
            return condition_of_error(error if isinstance(error, dict) else {"error_code": "ITEM_LOGIN_REQUIRED"}, was)
        case Event.REPAIRED:
            return _HEALTHY
        case Event.ENDING if after(was.status, Event.ENDING) == "pending_disconnect":
            ends = _time(body.get("consent_expiration_time") or body.get("disconnect_time"))
            code = str(body.get("reason") or body.get("webhook_code"))
            return Condition("pending_disconnect", code, None, ends)
        case Event.WITHDRAWN:
            return Condition(after(was.status, Event.WITHDRAWN), "USER_PERMISSION_REVOKED", None, None)
    if rule.beside is Beside.NEW_ACCOUNTS and was.status == "ok":
        return replace(was, error_code="NEW_ACCOUNTS_AVAILABLE")
    return was


def _verdict(rules: list[WebhookRule]) -> Verdict:
    turns = (Event.LOGIN_BROKEN, Event.WITHDRAWN, Event.REPAIRED)
    last = next((rule.event for rule in reversed(rules) if rule.event in turns), None)
    return Verdict(broke=last in (Event.LOGIN_BROKEN, Event.WITHDRAWN), asked=any(rule.pulls for rule in rules))


def _revoke_accounts(connection: Connection, item_id: UUID, webhooks: list[Webhook]) -> None:
    revoked = [
        str(webhook.body.get("account_id")) for webhook in webhooks if webhook.rule.beside is Beside.ACCOUNT_REVOKED
    ]
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

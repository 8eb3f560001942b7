"""Every webhook code of Plaid and what it does: to its item, and whether it asks for a pull. One table.

`docs/pull.md` prints it and a test compares. What is not here is stored as ignored and answered 200: a handler that
refuses what it does not know can silence all of Plaid's retries. Source: Plaid's webhook reference. Used by webhooks.py
(is there anything to do?) and inbox.py (what).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from sync.pull.conditions import Event


class Beside(Enum):
    """What a webhook does beside changing the item's state and asking for a pull."""

    ACCOUNT_REVOKED = "the account and its rows leave the live set"
    NEW_ACCOUNTS = "`errorCode` says so until the user has been through update mode"
    RECURRING = "the recurring streams are read anew"
    LINK_SESSION = "a Hosted Link session is finished: its public tokens are exchanged"


class WebhookRule(NamedTuple):
    """What one webhook code does."""

    event: Event | None = None
    pulls: bool = False
    beside: Beside | None = None

    @property
    def acts(self) -> bool:
        """Whether it does anything at all."""
        return self != _NOTHING


_NOTHING = WebhookRule()

WEBHOOKS: Mapping[tuple[str, str], WebhookRule] = {
    ("TRANSACTIONS", "SYNC_UPDATES_AVAILABLE"): WebhookRule(pulls=True),
    ("TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE"): WebhookRule(beside=Beside.RECURRING),
    ("TRANSACTIONS", "INITIAL_UPDATE"): _NOTHING,
    ("TRANSACTIONS", "HISTORICAL_UPDATE"): _NOTHING,
    ("TRANSACTIONS", "DEFAULT_UPDATE"): _NOTHING,
    ("TRANSACTIONS", "TRANSACTIONS_REMOVED"): _NOTHING,
    ("ITEM", "ERROR"): WebhookRule(Event.LOGIN_BROKEN),
    ("ITEM", "LOGIN_REPAIRED"): WebhookRule(Event.REPAIRED, pulls=True),
    ("ITEM", "PENDING_EXPIRATION"): WebhookRule(Event.ENDING, pulls=True),
    ("ITEM", "PENDING_DISCONNECT"): WebhookRule(Event.ENDING, pulls=True),
    ("ITEM", "USER_PERMISSION_REVOKED"): WebhookRule(Event.WITHDRAWN),
    ("ITEM", "USER_ACCOUNT_REVOKED"): WebhookRule(pulls=True, beside=Beside.ACCOUNT_REVOKED),
    ("ITEM", "NEW_ACCOUNTS_AVAILABLE"): WebhookRule(beside=Beside.NEW_ACCOUNTS),
    ("ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED"): _NOTHING,
    ("LINK", "SESSION_FINISHED"): WebhookRule(beside=Beside.LINK_SESSION),
    ("LINK", "ITEM_ADD_RESULT"): WebhookRule(beside=Beside.LINK_SESSION),
    ("LINK", "EVENTS"): _NOTHING,
}


def webhook_rule(webhook_type: str, webhook_code: str) -> WebhookRule:
    """Answers what a webhook does; one that is not in the table does nothing."""
    return WEBHOOKS.get((webhook_type, webhook_code), _NOTHING)


def table() -> str:
    """The webhooks as a Markdown table."""
    rows = [f"| {kind} `{code}` | {_said(rule)} |" for (kind, code), rule in WEBHOOKS.items()]
    return "\n".join(["| webhook | effect |", "|---|---|", *rows])


def _said(rule: WebhookRule) -> str:
    parts = [rule.event.value if rule.event else "", rule.beside.value if rule.beside else ""]
    said = "; ".join(part for part in (*parts, "pull" if rule.pulls else "") if part)
    return said or "none: sync delivers it, or only a log would care"

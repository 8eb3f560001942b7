"""What state an item is in, what moves it, and what its user is told: the one table of states and transitions.

Pure: no I/O, no clock. Plaid speaks by webhooks and by error codes, people by finishing Link's update mode, and a good
pull speaks for itself; each is an Event, and `TRANSITIONS` says what it makes of each status. docs/pull.md prints the
table (`python -m sync.pull.conditions`) and a test compares. Used by inbox.py, pull.py, items.py and the documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple


class Event(Enum):
    """What can happen to an item; the value says it in the docs' words."""

    LOGIN_BROKEN = "the bank wants the user to act"
    REPAIRED = "the login works again (webhook, or update mode finished)"
    ENDING = "access will end soon"
    WITHDRAWN = "the user took access away"
    GONE = "Plaid does not know the item or its token any more"
    NEVER_WILL = "the bank cannot be pulled any more"
    PULLED = "a pull went well"


class Action(Enum):
    """What the user can do; the value is the words the page shows."""

    NONE = "nothing to do"
    WAIT = "wait: it is tried again by itself"
    SIGN_IN = "sign in again at the bank"
    LINK_AGAIN = "link the bank again"


class Status(NamedTuple):
    """One state of an item: whether it is pulled, what the user can do, what they are told."""

    pulled: bool
    action: Action
    told: str


STATUSES: Mapping[str, Status] = {
    "ok": Status(True, Action.NONE, "Connected"),
    "pending_disconnect": Status(
        True, Action.SIGN_IN, "The connection to your bank will end soon. Sign in again to keep it."
    ),
    "login_required": Status(
        False, Action.SIGN_IN, "Your bank asks you to sign in again. Until then nothing new arrives from it."
    ),
    "error": Status(True, Action.WAIT, "Your bank cannot be reached through Plaid right now. We look into it."),
    "revoked": Status(
        False,
        Action.LINK_AGAIN,
        "Access was withdrawn at the bank. What you see is what was last known; link the bank again for more.",
    ),
}

_STAYS: Mapping[str, str] = {status: status for status in STATUSES}
_FINAL = {"revoked": "revoked"}

# What each event makes of each status. Revoked is left only by a repair or a new link: late news of a broken login, or
# a pull that was under way, must not make a bank that the user shut out look alive.
TRANSITIONS: Mapping[Event, Mapping[str, str]] = {
    Event.LOGIN_BROKEN: dict.fromkeys(STATUSES, "login_required") | _FINAL,
    Event.REPAIRED: dict.fromkeys(STATUSES, "ok"),
    Event.ENDING: dict(_STAYS) | dict.fromkeys(("ok", "error"), "pending_disconnect"),
    Event.WITHDRAWN: dict.fromkeys(STATUSES, "revoked"),
    Event.GONE: dict.fromkeys(STATUSES, "revoked"),
    Event.NEVER_WILL: dict.fromkeys(STATUSES, "error") | _FINAL,
    Event.PULLED: dict(_STAYS) | dict.fromkeys(("login_required", "error"), "ok"),
}


# What the user is told where an error's code says more than login_required does.
TOLD_OF_CODE: Mapping[str, str] = {
    "PASSWORD_RESET_REQUIRED": "Your bank asks for a new password. Set it at the bank, then sign in again here.",
    "USER_SETUP_REQUIRED": "Your bank wants you to finish something there first. Then sign in again here.",
    "ITEM_LOCKED": "Your bank has locked this sign-in. Unlock it at the bank, then sign in again here.",
    "ACCESS_NOT_GRANTED": "Your bank was not allowed to share transactions. Sign in again and allow it.",
    "ADDITIONAL_CONSENT_REQUIRED": "Your bank was not allowed to share transactions. Sign in again and allow it.",
    "NO_ACCOUNTS": "Your bank shares no account any more. Sign in again and choose accounts.",
}


def after(status: str, event: Event) -> str:
    """Answers the status after an event."""
    return TRANSITIONS[event][status]


def table() -> str:
    """The transitions as a Markdown table, a row for each event."""
    head = "| what happens | " + " | ".join(f"`{status}`" for status in STATUSES) + " |"
    rows = [
        f"| {event.value} | "
        + " | ".join("stays" if to == status else f"`{to}`" for status, to in moves.items())
        + " |"
        for event, moves in TRANSITIONS.items()
    ]
    return "\n".join([head, "|---" * (len(STATUSES) + 1) + "|", *rows])


def statuses_table() -> str:
    """The statuses as a Markdown table."""
    rows = [
        f"| `{name}` | {'yes' if status.pulled else 'no'} | {status.action.value} | {status.told} |"
        for name, status in STATUSES.items()
    ] + [
        f"| `login_required`, `{code}` | no | {STATUSES['login_required'].action.value} | {told} |"
        for code, told in TOLD_OF_CODE.items()
    ]
    return "\n".join(["| status | pulled | what the user can do | what the page says |", "|---|---|---|---|", *rows])

"""Every error code of Plaid that has a defined effect, in one table: kind, what the item becomes, when to try again.

`docs/pull.md` prints this table and a test compares. A code that is not here is judged by its type and HTTP status,
never changes an item's status, and is tried hourly: a person has to look. Source: Plaid's error reference, and its
advice per code. Used by plaid.py (which error to raise), pull.py (when to retry) and conditions.py (what the item is).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sync.errors import (
    PlaidError,
    PlaidItemGone,
    PlaidLoginRequired,
    PlaidMutation,
    PlaidPublicToken,
    PlaidRateLimited,
    PlaidRefused,
    PlaidTransient,
)
from sync.pull.conditions import Event

MINUTE, HOUR = 60.0, 3600.0


class ErrorRule(NamedTuple):
    """What one error code means.

    `event` is what happens to the item (None: nothing), `wait` the least seconds before the next try (None: no try
    until somebody asks again), `advice` what it takes to mend it.
    """

    kind: type[PlaidError]
    event: Event | None
    wait: float | None
    advice: str


_MUTATION = ErrorRule(PlaidMutation, None, 0.0, "at once from the first cursor, five times; then put off")
_SIGN_IN = ErrorRule(PlaidLoginRequired, Event.LOGIN_BROKEN, None, "the user signs in again (update mode)")
_AT_THE_BANK = ErrorRule(
    PlaidLoginRequired, Event.LOGIN_BROKEN, None, "the user acts at the bank, then signs in again (update mode)"
)
_LOST = ErrorRule(
    PlaidLoginRequired, Event.LOGIN_BROKEN, None, "ours: the token was lost while it was renewed; re-link"
)
_CONSENT = ErrorRule(PlaidLoginRequired, Event.LOGIN_BROKEN, None, "the user grants the missing consent (update mode)")
_ACCOUNTS = ErrorRule(PlaidLoginRequired, Event.LOGIN_BROKEN, None, "the user chooses accounts again (update mode)")
_GONE = ErrorRule(PlaidItemGone, Event.GONE, None, "the token is read once more, in case it was rotated; then re-link")
_WITHDRAWN = ErrorRule(PlaidItemGone, Event.WITHDRAWN, None, "the user took access away; re-link")
_OUTAGE = ErrorRule(PlaidTransient, None, 15 * MINUTE, "the bank is down: nothing to do but wait")
_PLAIDS_SIDE = ErrorRule(PlaidTransient, None, 0.0, "twice within the run, then 5 s doubling to an hour, with jitter")
_NOT_READY = ErrorRule(PlaidTransient, None, 0.0, "the webhook tells when it is; meanwhile as Plaid's own troubles")
_LIMIT = ErrorRule(PlaidRateLimited, None, MINUTE, "after a minute at least; the pages read so far are kept")
_NEVER = ErrorRule(PlaidRefused, Event.NEVER_WILL, None, "this bank cannot be pulled any more: an operator looks")
_NO_ACCOUNT = ErrorRule(PlaidRefused, None, 0.0, "the accounts are asked for anew, then the call is made again")
_OURS = ErrorRule(PlaidRefused, None, HOUR, "our request or our settings are wrong: an operator mends them")
_LINK_AGAIN = ErrorRule(PlaidPublicToken, None, None, "the user opens Link again")

CODES: Mapping[str, ErrorRule] = {
    "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION": _MUTATION,
    "ITEM_LOGIN_REQUIRED": _SIGN_IN,
    **dict.fromkeys(("PASSWORD_RESET_REQUIRED", "USER_SETUP_REQUIRED", "ITEM_LOCKED"), _AT_THE_BANK),
    **dict.fromkeys(("ACCESS_NOT_GRANTED", "ADDITIONAL_CONSENT_REQUIRED"), _CONSENT),
    "TOKEN_LOST": _LOST,
    "NO_ACCOUNTS": _ACCOUNTS,
    **dict.fromkeys(("ITEM_NOT_FOUND", "INVALID_ACCESS_TOKEN", "ITEM_CONCURRENTLY_DELETED"), _GONE),
    "USER_PERMISSION_REVOKED": _WITHDRAWN,
    **dict.fromkeys(("INSTITUTION_DOWN", "INSTITUTION_NOT_RESPONDING", "INSTITUTION_NOT_AVAILABLE"), _OUTAGE),
    **dict.fromkeys(("INTERNAL_SERVER_ERROR", "PLANNED_MAINTENANCE"), _PLAIDS_SIDE),
    "PRODUCT_NOT_READY": _NOT_READY,
    **dict.fromkeys(
        (
            "TRANSACTIONS_SYNC_LIMIT",
            "ITEM_GET_LIMIT",
            "ACCOUNTS_LIMIT",
            "BALANCE_LIMIT",
            "ACCOUNTS_BALANCE_GET_LIMIT",
            "TRANSACTIONS_REFRESH_LIMIT",
            "RATE_LIMIT",
            "INSTITUTION_RATE_LIMIT",
        ),
        _LIMIT,
    ),
    **dict.fromkeys(
        (
            "INSTITUTION_NO_LONGER_SUPPORTED",
            "UNAUTHORIZED_INSTITUTION",
            "INSTITUTION_REGISTRATION_REQUIRED",
            "UNSUPPORTED_RESPONSE",
            "PRODUCTS_NOT_SUPPORTED",
            "PRODUCT_NOT_ENABLED",
            "ITEM_NOT_SUPPORTED",
            "MFA_NOT_SUPPORTED",
        ),
        _NEVER,
    ),
    "INVALID_ACCOUNT_ID": _NO_ACCOUNT,
    **dict.fromkeys(
        (
            "INVALID_API_KEYS",
            "MISSING_FIELDS",
            "UNKNOWN_FIELDS",
            "INVALID_FIELD",
            "INVALID_BODY",
            "INVALID_HEADERS",
            "NOT_FOUND",
            "INVALID_PRODUCT",
            "INVALID_INSTITUTION",
            "SANDBOX_ONLY",
            "SANDBOX_PRODUCT_NOT_ENABLED",
            "SANDBOX_WEBHOOK_INVALID",
            "INVALID_WEBHOOK_VERIFICATION_KEY_ID",
        ),
        _OURS,
    ),
    **dict.fromkeys(("INVALID_PUBLIC_TOKEN", "INVALID_LINK_TOKEN"), _LINK_AGAIN),
}

# The least seconds to wait where Plaid's own failure has no longer floor: what is in no table, and is of that kind.
_UNKNOWN: Mapping[type[PlaidError], ErrorRule] = {PlaidRateLimited: _LIMIT, PlaidTransient: _PLAIDS_SIDE}


def rule_of(code: str | None, kind: type[PlaidError]) -> ErrorRule:
    """Answers the rule of an error that was raised: by its code, else by its kind."""
    if code is not None and code in CODES:
        return CODES[code]
    return next((rule for known, rule in _UNKNOWN.items() if issubclass(kind, known)), _OURS)


def kind_of(code: str, error_type: str | None, status: int | None) -> type[PlaidError]:
    """Answers the kind of error that a code is."""
    if code in CODES:
        return CODES[code].kind
    if status == 429 or error_type == "RATE_LIMIT_EXCEEDED":
        return PlaidRateLimited
    return PlaidTransient if status is not None and status >= 500 else PlaidRefused


# The accounts are not what they were: ask for them.
ACCOUNTS_CHANGED = frozenset({"NO_ACCOUNTS", "INVALID_ACCOUNT_ID"})

FLOORS: Mapping[str, float] = {code: rule.wait for code, rule in CODES.items() if rule is _OUTAGE and rule.wait}


def event_of(code: str) -> Event | None:
    """Answers what an error code does to its item, None when nothing."""
    return CODES[code].event if code in CODES else None


def table() -> str:
    """The codes as a Markdown table, a row for each rule."""
    rules: dict[ErrorRule, list[str]] = {}
    for code, rule in CODES.items():
        rules.setdefault(rule, []).append(f"`{code}`")
    rules.setdefault(_OURS, []).append("every other code")
    rows = [
        f"| {' '.join(codes)} | {_becomes(rule)} | {_again(rule)} | {rule.advice} |" for rule, codes in rules.items()
    ]
    return "\n".join(["| codes | what happens to the item | next try | what helps |", "|---|---|---|---|", *rows])


def _becomes(rule: ErrorRule) -> str:
    return rule.event.value if rule.event else "nothing"


def _again(rule: ErrorRule) -> str:
    if rule.wait is None:
        return "none"
    return "soon" if rule.wait == 0 else f"after {rule.wait:g} s at least"


if __name__ == "__main__":
    from sync.banks import webhook_codes
    from sync.pull import conditions

    for printed in (conditions.statuses_table(), conditions.table(), webhook_codes.table(), table()):
        print(printed, end="\n\n")  # noqa: T201 - the docs' tables, for whoever updates them

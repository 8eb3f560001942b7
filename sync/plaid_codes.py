"""Every error code of Plaid that has a defined effect, in one place: which kind it is, and what the item becomes.

The kind decides about retrying (pull.py), the status is what the user is told. A code that is not here is judged by
its type and HTTP status, and never changes an item's status.
"""

from __future__ import annotations

from collections.abc import Mapping

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

_USER_MUST_ACT = (
    "ITEM_LOGIN_REQUIRED",
    "PASSWORD_RESET_REQUIRED",
    "USER_SETUP_REQUIRED",
    "ITEM_LOCKED",
    "ACCESS_NOT_GRANTED",
    "ADDITIONAL_CONSENT_REQUIRED",
    "NO_ACCOUNTS",
)
_GONE = ("ITEM_NOT_FOUND", "INVALID_ACCESS_TOKEN", "USER_PERMISSION_REVOKED", "ITEM_CONCURRENTLY_DELETED")
_OUTAGE = ("INSTITUTION_DOWN", "INSTITUTION_NOT_RESPONDING", "INSTITUTION_NOT_AVAILABLE")
_PLAIDS_SIDE = ("INTERNAL_SERVER_ERROR", "PLANNED_MAINTENANCE", "PRODUCT_NOT_READY")
_LIMITS = (
    "TRANSACTIONS_SYNC_LIMIT",
    "ITEM_GET_LIMIT",
    "ACCOUNTS_LIMIT",
    "BALANCE_LIMIT",
    "ACCOUNTS_BALANCE_GET_LIMIT",
    "TRANSACTIONS_REFRESH_LIMIT",
    "RATE_LIMIT",
    "INSTITUTION_RATE_LIMIT",
)
_NEVER_WILL = (
    "INSTITUTION_NO_LONGER_SUPPORTED",
    "UNAUTHORIZED_INSTITUTION",
    "INSTITUTION_REGISTRATION_REQUIRED",
    "UNSUPPORTED_RESPONSE",
    "PRODUCTS_NOT_SUPPORTED",
    "PRODUCT_NOT_ENABLED",
    "ITEM_NOT_SUPPORTED",
    "MFA_NOT_SUPPORTED",
)

KINDS: Mapping[str, type[PlaidError]] = {
    "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION": PlaidMutation,
    **dict.fromkeys(_USER_MUST_ACT, PlaidLoginRequired),
    **dict.fromkeys(_GONE, PlaidItemGone),
    **dict.fromkeys(_OUTAGE + _PLAIDS_SIDE, PlaidTransient),
    **dict.fromkeys(_LIMITS, PlaidRateLimited),
    **dict.fromkeys(_NEVER_WILL, PlaidRefused),
    "INVALID_PUBLIC_TOKEN": PlaidPublicToken,
}

# The least seconds to wait, where a kind's own backoff would come back too early.
FLOORS: Mapping[str, float] = dict.fromkeys(_OUTAGE, 900.0)

_STATUS = {
    **dict.fromkeys(_USER_MUST_ACT, "login_required"),
    **dict.fromkeys(_GONE, "revoked"),
    **dict.fromkeys(_NEVER_WILL, "error"),
}


def kind_of(code: str, error_type: str | None, status: int | None) -> type[PlaidError]:
    """Answers the kind of error that a code is."""
    if code in KINDS:
        return KINDS[code]
    if status == 429 or error_type == "RATE_LIMIT_EXCEEDED":
        return PlaidRateLimited
    return PlaidTransient if status is not None and status >= 500 else PlaidRefused


def status_after(code: str) -> str | None:
    """Answers the item status that a code leads to, None when it changes nothing."""
    return _STATUS.get(code)

"""Plaid's errors: one class, one table of the codes that the stand-in can answer, one shape on the wire.

An endpoint raises PlaidError; the door turns it into status and body. Nothing is written by a call that raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_DOCUMENTATION = "https://plaid.com/docs/errors/"


@dataclass(frozen=True)
class _Kind:
    type: str
    message: str
    display: str | None = None
    status: int = 400


_ITEM = "ITEM_ERROR"
_INSTITUTION = "INSTITUTION_ERROR"
_REQUEST = "INVALID_REQUEST"
_INPUT = "INVALID_INPUT"
_RATE = "RATE_LIMIT_EXCEEDED"
_LIMIT_ITEM = "rate limit exceeded for attempts to access this item. please try again later"
_AGAIN = "This financial institution is not currently responding to requests. Please try again later."

KINDS: dict[str, _Kind] = {
    "MISSING_FIELDS": _Kind(_REQUEST, "the following required fields are missing"),
    "UNKNOWN_FIELDS": _Kind(_REQUEST, "the following fields are not recognized by this endpoint"),
    "INVALID_FIELD": _Kind(_REQUEST, "a field has an invalid value"),
    "INVALID_BODY": _Kind(_REQUEST, "body could not be parsed as JSON"),
    "INVALID_HEADERS": _Kind(_REQUEST, "a header has an invalid value"),
    "NOT_FOUND": _Kind(_REQUEST, "not found", status=404),
    "UNIMPLEMENTED": _Kind(_REQUEST, "this part of Plaid's API is not part of the stand-in"),
    "INVALID_API_KEYS": _Kind(_INPUT, "invalid client_id or secret provided"),
    "INVALID_ACCESS_TOKEN": _Kind(_INPUT, "could not find matching access token"),
    "INVALID_PUBLIC_TOKEN": _Kind(_INPUT, "could not find matching public token"),
    "INVALID_LINK_TOKEN": _Kind(_INPUT, "link token is invalid or has expired"),
    "INVALID_ACCOUNT_ID": _Kind(_INPUT, "failed to find requested account ID for requested item"),
    "INVALID_INSTITUTION": _Kind(_INPUT, "invalid institution_id provided"),
    "INVALID_PRODUCT": _Kind(_INPUT, "client is not authorized to access the requested product"),
    "INVALID_WEBHOOK_VERIFICATION_KEY_ID": _Kind(_INPUT, "invalid key_id provided"),
    "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION": _Kind(
        "TRANSACTIONS_ERROR",
        "Underlying transaction data changed since last page was fetched. Please restart pagination from last update.",
    ),
    "ITEM_NOT_FOUND": _Kind(_ITEM, "The Item you requested cannot be found. This Item does not exist or was removed."),
    "ITEM_LOGIN_REQUIRED": _Kind(
        _ITEM,
        "the login details of this item have changed (credentials, MFA, or required user action) and a user login is "
        "required to update this information. use Link's update mode to restore the item to a good state",
        "Sign in at your bank again to go on.",
    ),
    "USER_PERMISSION_REVOKED": _Kind(
        _ITEM, "the end user has revoked the permission that they previously granted to access an Item"
    ),
    "INVALID_CREDENTIALS": _Kind(
        _ITEM, "the provided credentials were not correct", "The username or the password is not correct."
    ),
    "INVALID_MFA": _Kind(_ITEM, "the provided MFA response was not correct", "The answer was not correct."),
    "ITEM_LOCKED": _Kind(
        _ITEM, "this account has been locked", "The account is locked. Visit your bank's website to unlock it."
    ),
    "ITEM_NOT_SUPPORTED": _Kind(_ITEM, "this account is currently not supported", "This account is not supported."),
    "MFA_NOT_SUPPORTED": _Kind(_ITEM, "this account requires an MFA type that is not currently supported"),
    "NO_ACCOUNTS": _Kind(_ITEM, "no valid accounts exist for this item", "No open accounts were found at this bank."),
    "RECAPTCHA_BAD": _Kind("RECAPTCHA_ERROR", "The provided reCAPTCHA response was incorrect. Please try again."),
    "USER_SETUP_REQUIRED": _Kind(
        _ITEM, "the account has not been fully set up", "Visit your bank's website and finish setting up the account."
    ),
    "USER_INPUT_TIMEOUT": _Kind(_ITEM, "user input timeout", "No answer came in time. Please try again."),
    "PRODUCT_NOT_READY": _Kind(_ITEM, "the requested product is not yet ready. please provide a webhook or try again"),
    "INSTITUTION_DOWN": _Kind(
        _INSTITUTION, "this institution is not currently responding to this request. please try again soon", _AGAIN
    ),
    "INSTITUTION_NOT_RESPONDING": _Kind(
        _INSTITUTION, "this institution is not currently responding to this request. please try again soon", _AGAIN
    ),
    "INSTITUTION_NOT_AVAILABLE": _Kind(_INSTITUTION, "this institution is not available at this time", _AGAIN),
    "INSTITUTION_NO_LONGER_SUPPORTED": _Kind(
        _INSTITUTION, "this institution is no longer supported", "This bank is no longer supported."
    ),
    "PLAID_ERROR": _Kind("API_ERROR", "an unexpected error occurred", status=500),
    "INTERNAL_SERVER_ERROR": _Kind("API_ERROR", "an unexpected error occurred", status=500),
    "PLANNED_MAINTENANCE": _Kind("API_ERROR", "Plaid's systems are in maintenance", status=503),
    "TRANSACTIONS_SYNC_LIMIT": _Kind(_RATE, _LIMIT_ITEM, status=429),
    "TRANSACTIONS_REFRESH_LIMIT": _Kind(_RATE, _LIMIT_ITEM, status=429),
    "ACCOUNTS_LIMIT": _Kind(_RATE, _LIMIT_ITEM, status=429),
    "BALANCE_LIMIT": _Kind(_RATE, _LIMIT_ITEM, status=429),
    "ITEM_GET_LIMIT": _Kind(_RATE, _LIMIT_ITEM, status=429),
    "ACCOUNTS_BALANCE_GET_LIMIT": _Kind(_RATE, "rate limit exceeded. please try again later", status=429),
    "RATE_LIMIT": _Kind(_RATE, "rate limit exceeded. please try again later", status=429),
    "SANDBOX_WEBHOOK_INVALID": _Kind("SANDBOX_ERROR", "webhook could not be fired: the item has no webhook"),
}


class PlaidError(Exception):
    """An error that Plaid would answer; `code` decides type, HTTP status and default wording."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        type: str | None = None,
        status: int | None = None,
        reason: str | None = None,
    ):
        kind = KINDS.get(code, _Kind("API_ERROR", "an error of this kind was asked for"))
        super().__init__(message or kind.message)
        self.code = code
        self.type = type or kind.type
        self.status = status or kind.status
        self.message = message or kind.message
        self.display = kind.display
        self.reason = reason

    def body(self) -> dict[str, Any]:
        """The error object, as it stands in an answer, in /item/get and in webhooks."""
        why = {"error_code_reason": self.reason} if self.reason else {}
        return why | {
            "error_type": self.type,
            "error_code": self.code,
            "error_message": self.message,
            "display_message": self.display,
            "documentation_url": _DOCUMENTATION,
            "suggested_action": None,
        }

"""Every error that Livespend knows by name: a stable code, an HTTP status, and a docstring that is its title.

Whoever notices a failure raises one of these with a `detail` for a person; the API turns it into problem+json, the
workers into a log line. `detail` never carries a token, a statement or another user's data. Plaid and Firestore
failures are translated into kinds where their module meets them, so nobody else reads a vendor's codes.
`ERRORS` is the registry: docs/errors.md must name every code in it, and a test holds it to that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

ERRORS: dict[str, type[LivespendError]] = {}


class LivespendError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail or self.title()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" in vars(cls):
            if cls.code in ERRORS:
                raise TypeError(f"two errors share the code {cls.code}")
            ERRORS[cls.code] = cls

    @classmethod
    def title(cls) -> str:
        """The docstring's first line without its full stop."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


ERRORS[LivespendError.code] = LivespendError


# What a caller sent.


class InvalidFields(LivespendError):
    """Some fields are not valid."""

    code = "invalid-fields"
    status = 422

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in errors.items()))
        self.errors = dict(errors)


class ParkedRefused(LivespendError):
    """This cannot be done to a parked document of this kind."""

    code = "parked-refused"
    status = 422


class InvalidCursor(LivespendError):
    """The page cursor is not one that this list handed out."""

    code = "invalid-cursor"
    status = 422


class WebhookRejected(LivespendError):
    """The webhook is not signed by Plaid, or is too old."""

    code = "webhook-rejected"
    status = 401


class UserErased(LivespendError):
    """This user is being erased."""

    code = "user-erased"
    status = 410


class SignInUnavailable(LivespendError):
    """Firebase cannot be asked who this is."""

    code = "sign-in-unavailable"
    status = 503


# What is not there, or not this user's: the answer is the same for both.


class ErasureNotFound(LivespendError):
    """There is no such erasure."""

    code = "erasure-not-found"
    status = 404


class RecordInvalid(LivespendError):
    """This is no record that was signed here."""

    code = "record-invalid"
    status = 422


class UserNotFound(LivespendError):
    """This user has not signed up."""

    code = "user-not-found"
    status = 404


class DocumentNotParked(LivespendError):
    """No document is parked at this path."""

    code = "document-not-parked"
    status = 404


class ItemNotFound(LivespendError):
    """There is no such bank connection."""

    code = "item-not-found"
    status = 404


class LinkSessionNotFound(LivespendError):
    """There is no such use of Link."""

    code = "link-session-not-found"
    status = 404


class TransactionNotFound(LivespendError):
    """There is no such transaction."""

    code = "transaction-not-found"
    status = 404


class CategoryNotFound(LivespendError):
    """There is no such category."""

    code = "category-not-found"
    status = 404


class BudgetNotFound(LivespendError):
    """There is no such budget."""

    code = "budget-not-found"
    status = 404


class RuleNotFound(LivespendError):
    """There is no such category rule."""

    code = "rule-not-found"
    status = 404


class MonthNotFound(LivespendError):
    """This month has no transactions."""

    code = "month-not-found"
    status = 404


class ReviewNotFound(LivespendError):
    """There is no such question."""

    code = "review-not-found"
    status = 404


# What the ledger's state does not allow.


class TraceNotFound(LivespendError):
    """No hop of this trace is kept: it never was, marked nothing, or is older than TRACE_DAYS."""

    code = "trace-not-found"
    status = 404


class TooManyRequests(LivespendError):
    """Asked too often; try again in a while."""

    code = "too-many-requests"
    status = 429


class TooManyRepairs(LivespendError):
    """Enough repairs have been asked for in this hour; what differs is audited all the same."""

    code = "too-many-repairs"
    status = 429


class ReviewClosed(LivespendError):
    """The bank has settled this question itself."""

    code = "review-closed"
    status = 409


class ReviewConfirmed(LivespendError):
    """The two are joined as one payment: undo that first."""

    code = "review-confirmed"
    status = 409


class ItemAlreadyLinked(LivespendError):
    """This bank connection is linked already."""

    code = "item-already-linked"
    status = 409

    def __init__(self, item_id: UUID | None = None) -> None:
        super().__init__()
        self.item_id = item_id


class LinkUnderWay(LivespendError):
    """This bank is being linked at this moment."""

    code = "link-under-way"
    status = 409


class UpdateModeToken(LivespendError):
    """The public token of update mode is never exchanged."""

    code = "update-mode-token"
    status = 409


class NotAnExpense(LivespendError):
    """Only an expense added by hand can be removed or restored."""

    code = "not-an-expense"
    status = 409


class CategoryExists(LivespendError):
    """A category of this name exists already."""

    code = "category-exists"
    status = 409


class CategoryFixed(LivespendError):
    """This category belongs to the taxonomy and cannot be changed."""

    code = "category-fixed"
    status = 409


class BudgetExists(LivespendError):
    """A budget for this category and currency exists already."""

    code = "budget-exists"
    status = 409


class HouseholdNotFound(LivespendError):
    """You are in no such household."""

    code = "household-not-found"
    status = 404


class MemberNotFound(LivespendError):
    """The household has no such member."""

    code = "member-not-found"
    status = 404


class InvitationInvalid(LivespendError):
    """This invitation is unknown, used or expired."""

    code = "invitation-invalid"
    status = 404


class NotTheHouseholdsOwner(LivespendError):
    """Only an owner of the household may do this."""

    code = "not-the-households-owner"
    status = 403


class HouseholdFull(LivespendError):
    """The household has all the members it may have, or you are in as many as you may be."""

    code = "household-full"
    status = 409


class AccountNotShareable(LivespendError):
    """Only your own linked accounts can be shared."""

    code = "account-not-shareable"
    status = 422


# Edits made offline. They reach a person in a receipt, never as an answer of HTTP.


class IntentSuperseded(LivespendError):
    """This was changed elsewhere after you last saw it."""

    code = "superseded"
    status = 409


class IntentTooOld(LivespendError):
    """This edit waited too long on its device to be applied."""

    code = "intent-too-old"
    status = 410


class IntentInvalid(LivespendError):
    """This edit is not of a form that is understood."""

    code = "intent-invalid"
    status = 422


class IntentsTooMany(LivespendError):
    """More edits came from one person within an hour than are applied."""

    code = "intents-too-many"
    status = 429


class IntentFailed(LivespendError):
    """This edit could not be applied: a fault on our side."""

    code = "intent-failed"
    status = 500


# The machinery.


class InvalidSettings(LivespendError):
    """Settings are missing or wrong."""

    code = "invalid-settings"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class DatabaseUnavailable(LivespendError):
    """The database cannot be reached."""

    code = "database-unavailable"
    status = 503


class DatabaseBusy(LivespendError):
    """The database is busy with the same rows: try again."""

    code = "database-busy"
    status = 503


class MigrationFailed(LivespendError):
    """The database could not be brought to the current schema."""

    code = "migration-failed"


class VaultFailed(LivespendError):
    """A bank token cannot be encrypted or decrypted."""

    code = "vault-failed"


class KeyInUse(LivespendError):
    """The key cannot be retired now."""

    code = "key-in-use"
    status = 409


class VaultUnavailable(VaultFailed):
    """The key service does not answer at the moment."""

    code = "vault-unavailable"
    status = 503


class PagesDamaged(LivespendError):
    """A kept page of the bank's is missing or altered."""

    code = "pages-damaged"


class LedgerNotEmpty(LivespendError):
    """A ledger is rebuilt into an empty one only."""

    code = "ledger-not-empty"
    status = 409


class ShapeUnknown(LivespendError):
    """A shape of documents lives that this release does not know."""

    code = "shape-unknown"
    status = 503


class ShapeRefused(LivespendError):
    """The documents' shape cannot take this step now."""

    code = "shape-refused"
    status = 409


class SchemaTooOld(LivespendError):
    """The ledger's schema is older than this release."""

    code = "schema-too-old"
    status = 503


class IncidentRefused(LivespendError):
    """The pages of an incident cannot be exported or replayed like this."""

    code = "incident-refused"
    status = 422


# Plaid, by kind. `plaid_code`, `request_id` and the bank's own words ride along.


class PlaidError(LivespendError):
    """Plaid answered with an error."""

    def __init__(
        self,
        detail: str = "",
        *,
        plaid_code: str | None = None,
        request_id: str | None = None,
        display_message: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.plaid_code = plaid_code
        self.request_id = request_id
        self.display_message = display_message


class PlaidTransient(PlaidError):
    """Plaid or the bank does not answer at the moment."""

    code = "plaid-unavailable"
    status = 503


class PlaidRateLimited(PlaidError):
    """Plaid asks us to slow down."""

    code = "plaid-rate-limited"
    status = 503


class PlaidPaced(PlaidRateLimited):
    """Our own pace for Plaid leaves no call for now; nothing was sent."""

    code = "plaid-paced"

    def __init__(self, endpoint: str, seconds: float) -> None:
        super().__init__(f"{endpoint}: the next call is free in {seconds:.1f} s")
        self.seconds = seconds


class PlaidMutation(PlaidError):
    """Transactions changed while their pages were read."""

    code = "plaid-mutation"
    status = 503


class PlaidLoginRequired(PlaidError):
    """The bank wants the user to sign in again."""

    code = "plaid-login-required"
    status = 409


class TokenLost(PlaidLoginRequired):
    """The bank's token was lost while it was renewed: the bank has to be linked again."""

    code = "token-lost"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, plaid_code="TOKEN_LOST", display_message=_LINK_AGAIN)


_LINK_AGAIN = "The connection to this bank was lost while its access was renewed. Please link the bank again."


class PlaidItemGone(PlaidError):
    """Plaid no longer knows this bank connection."""

    code = "plaid-item-gone"
    status = 409


class PlaidPublicToken(PlaidError):
    """The public token from Link is expired, used or not valid."""

    code = "plaid-public-token"
    status = 422


class PlaidRefused(PlaidError):
    """Plaid refuses the request: a fault in our request or in our settings."""

    code = "plaid-refused"
    status = 502


class PlaidCursorRefused(PlaidRefused):
    """Plaid does not know the stored cursor any more."""

    code = "plaid-cursor-refused"


class PlaidContract(PlaidError):
    """Plaid's answer is not of the documented shape."""

    code = "plaid-contract"
    status = 502


# Firestore, by kind.


class FirestoreError(LivespendError):
    """Firestore answered with an error."""


class FirestoreTransient(FirestoreError):
    """Firestore does not answer at the moment."""

    code = "firestore-unavailable"
    status = 503


class FirestoreQuota(FirestoreError):
    """Firestore asks us to slow down."""

    code = "firestore-quota"
    status = 503


class FirestoreRefused(FirestoreError):
    """A precondition of the commit does not hold: Firestore moved on."""

    code = "firestore-refused"
    status = 409


class FirestorePoison(FirestoreError):
    """Firestore refuses a document for its content."""

    code = "firestore-poison"


class FirestoreDenied(FirestoreError):
    """Firestore refuses our credentials or does not know the database."""

    code = "firestore-denied"

"""Who is asking: a Firebase ID token on every route that is not marked public.

A view is private unless `@public` says otherwise, so a forgotten decorator locks a door instead of opening one. The
token's signature, audience, issuer and expiry are checked on each request; whether the user was disabled or signed
out everywhere is asked of Firebase at most once a minute per user and remembered. If Firebase cannot be asked, the
answer is 503 and the request is not served. No token ever reaches a log line or an error.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import firebase_admin
from apiflask import APIFlask
from firebase_admin import auth, exceptions
from flask import current_app, g, request

from sync.errors import LivespendError, SignInUnavailable
from sync.settings import Settings
from sync.sign_ins import open_app

REMEMBERED_SECONDS = 60.0
REMEMBERED_USERS = 10_000
CLOCK_SKEW_SECONDS = 10
LONGEST_TOKEN = 8192
FRESH_SECONDS = 300.0

View = TypeVar("View", bound=Callable[..., Any])


class NotSignedIn(LivespendError):
    """A valid ID token is needed here."""

    code = "not-signed-in"
    status = 401


class TokenExpired(LivespendError):
    """The ID token has expired."""

    code = "token-expired"
    status = 401


class TokenRevoked(LivespendError):
    """This sign-in was ended, or the user is disabled or gone."""

    code = "token-revoked"
    status = 401


class SignInTooOld(LivespendError):
    """This needs a sign-in of the last five minutes."""

    code = "sign-in-too-old"
    status = 403


@dataclass(frozen=True)
class Caller:
    """The user behind a request, as the ID token names them."""

    user_id: str
    email: str | None
    name: str | None
    signed_in_at: float

    def need_fresh_sign_in(self) -> None:
        """Raises SignInTooOld unless the password was given within the last minutes."""
        if time.time() - self.signed_in_at > FRESH_SECONDS:
            raise SignInTooOld("Please sign in again, then repeat this.")


@dataclass(frozen=True)
class Standing:
    """What Firebase last said of a user: since when tokens count, and whether there is such a user at all."""

    active: bool
    valid_since: float
    asked_at: float


class SignIn:
    """Verifies ID tokens for one Firebase project. Threads may share it."""

    def __init__(self, settings: Settings, *, remembered_seconds: float = REMEMBERED_SECONDS) -> None:
        emulator_host = settings.firebase_auth_emulator_host if settings.local else None
        self._app = open_app(settings.firebase_project_id, emulator_host)
        self._remembered_seconds = remembered_seconds
        self._lock = threading.Lock()
        self._standings: OrderedDict[str, Standing] = OrderedDict()

    def identify(self, token: str) -> Caller:
        """Answers whose token it is; raises NotSignedIn, TokenExpired, TokenRevoked or SignInUnavailable."""
        claims = self._claims(token)
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, (int, float)) or not isinstance(expires, (int, float)):
            raise NotSignedIn("The ID token has no times.")
        # firebase_admin does not look at the expiry of an emulator's tokens
        if expires + CLOCK_SKEW_SECONDS < time.time():
            raise TokenExpired("Please fetch a fresh ID token.")
        standing = self._standing(claims["uid"])
        if not standing.active or issued < standing.valid_since:
            raise TokenRevoked("Please sign in again.")
        signed_in = claims.get("auth_time")
        signed_in_at = float(signed_in) if isinstance(signed_in, (int, float)) else 0.0
        return Caller(claims["uid"], text(claims.get("email")), text(claims.get("name")), signed_in_at)

    def close(self) -> None:
        """Forgets the Firebase app; closing twice is not allowed."""
        firebase_admin.delete_app(self._app)

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = auth.verify_id_token(token, self._app, clock_skew_seconds=CLOCK_SKEW_SECONDS)
        except auth.ExpiredIdTokenError:
            raise TokenExpired("Please fetch a fresh ID token.") from None
        except auth.CertificateFetchError:
            raise SignInUnavailable from None
        except (auth.InvalidIdTokenError, ValueError, TypeError, AttributeError):
            raise NotSignedIn("The ID token is not valid for this project.") from None
        if "/" in claims["uid"]:
            raise NotSignedIn("The ID token names no possible user.")
        return claims

    def _standing(self, user_id: str) -> Standing:
        now = time.monotonic()
        with self._lock:
            known = self._standings.get(user_id)
        if known and now - known.asked_at < self._remembered_seconds:
            return known
        fresh = self._ask(user_id, now)
        with self._lock:
            self._standings[user_id] = fresh
            self._standings.move_to_end(user_id)
            while len(self._standings) > REMEMBERED_USERS:
                self._standings.popitem(last=False)
        return fresh

    def _ask(self, user_id: str, now: float) -> Standing:
        try:
            user = auth.get_user(user_id, self._app)
        except auth.UserNotFoundError:
            return Standing(active=False, valid_since=0.0, asked_at=now)
        except (exceptions.FirebaseError, ValueError):
            raise SignInUnavailable from None
        return Standing(not user.disabled, user.tokens_valid_after_timestamp / 1000, now)


def text(claim: object) -> str | None:
    """A claim that is a non-empty text, else nothing."""
    return claim if isinstance(claim, str) and claim else None


def public(view: View) -> View:
    """Marks a view as served without a token."""
    view.public = True  # type: ignore[attr-defined]
    return view


def is_public(app: APIFlask, endpoint: str) -> bool:
    """Whether the view of an endpoint is marked public."""
    return endpoint.startswith("openapi.") or getattr(app.view_functions[endpoint], "public", False)


def register_auth(app: APIFlask, sign_in: SignIn) -> None:
    """Guards every route that is not public; unknown routes fall through to their 404."""

    def check() -> None:
        if request.endpoint is None or is_public(current_app, request.endpoint):  # type: ignore[arg-type]
            return
        caller = sign_in.identify(bearer_token())
        g.caller, g.user_id = caller, caller.user_id

    app.before_request(check)


def bearer_token() -> str:
    """The token of the Authorization header; raises NotSignedIn."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
        raise NotSignedIn("Send the Firebase ID token as `Authorization: Bearer <token>`.")
    return token.strip()

"""Reading the fields of a request, each checked before it is believed."""

from __future__ import annotations

import json
import re
from typing import Any

from .errors import AuthRefused, ensure, unserved

Body = dict[str, Any]

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_RESERVED_CLAIMS = frozenset(
    "acr amr at_hash aud auth_time azp cnf c_hash exp firebase iat iss jti nbf nonce sub user_id".split()  # noqa: SIM905
)


def text(body: Body, name: str) -> str | None:
    """A string field, None if absent or empty; raises AuthRefused on any other type."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise AuthRefused(f"Invalid value at '{name}' (TYPE_STRING)")
    return value or None


def flag(body: Body, name: str) -> bool | None:
    """A boolean field, None if absent; raises AuthRefused on any other type."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise AuthRefused(f"Invalid value at '{name}' (TYPE_BOOL)")
    return value


def texts(body: Body, name: str) -> list[str]:
    """A list of strings, empty if absent; raises AuthRefused on any other type."""
    value = body.get(name) or []
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise AuthRefused(f"Invalid value at '{name}' (TYPE_STRING)")
    return value


def email(body: Body) -> str | None:
    """The e-mail in its canonical form (lower case), None if absent; raises AuthRefused if it is none."""
    given = text(body, "email")
    if given is None:
        return None
    ensure(_EMAIL.fullmatch(given), "INVALID_EMAIL")
    return given.lower()


def password(body: Body) -> str | None:
    """A password to set, None if absent; raises AuthRefused if it is too short."""
    given = text(body, "password")
    if given is not None:
        ensure(len(given) >= 6, "WEAK_PASSWORD : Password should be at least 6 characters")
    return given


def claims(body: Body) -> str | None:
    """Custom claims as JSON text, None if absent; raises AuthRefused if they are too large or reserved."""
    given = text(body, "customAttributes")
    if given is None:
        return None
    ensure(len(given) <= 1000, "CLAIMS_TOO_LARGE")
    try:
        parsed = json.loads(given)
    except ValueError:
        raise AuthRefused("INVALID_CLAIMS") from None
    ensure(isinstance(parsed, dict), "INVALID_CLAIMS")
    refuse_reserved(parsed)
    return given


def refuse_unserved(body: Body) -> None:
    """Raises AuthRefused if a request asks for tenants or second factors, which would otherwise be passed over."""
    if body.get("tenantId"):
        raise unserved("tenants (tenantId)")
    factors = body.get("mfa")
    if isinstance(factors, dict):
        factors = factors.get("enrollments")
    if factors or body.get("mfaInfo") or body.get("mfaPendingCredential") or body.get("mfaEnrollmentId"):
        raise unserved("second factors (mfa)")


def refuse_reserved(parsed: Body) -> None:
    """Raises AuthRefused if a claim has a name that only the token itself may carry."""
    for name in parsed:
        ensure(name not in _RESERVED_CLAIMS, f"FORBIDDEN_CLAIM : {name}")

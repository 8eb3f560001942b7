"""ID tokens exactly as the vendor's emulator issues them: JWTs with `alg` none and an empty signature."""

from __future__ import annotations

import base64
import json
from typing import Any

from .accounts import Account
from .errors import AuthRefused

LIFETIME_SECONDS = 3600
CUSTOM_TOKEN_AUDIENCE = "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"


def issue(account: Account, project: str, *, provider: str, extra: dict[str, Any], now: int, auth_time: int) -> str:
    """The ID token of the account for one hour from `now` (UTC seconds)."""
    payload = {
        **_named(account),
        **account.claims(),
        **extra,
        **({"provider_id": "anonymous"} if provider == "anonymous" else {}),
        "auth_time": auth_time,
        "user_id": account.uid,
        "firebase": {"identities": _identities(account), "sign_in_provider": provider},
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "aud": project,
        "iss": f"https://securetoken.google.com/{project}",
        "sub": account.uid,
    }
    return _unsigned(payload)


def session_cookie(said: dict[str, Any], project: str, *, now: int, seconds: int) -> str:
    """The session cookie for what an ID token says."""
    issuer = f"https://session.firebase.google.com/{project}"
    return _unsigned({**said, "iss": issuer, "iat": now, "exp": now + seconds})


def _unsigned(payload: dict[str, Any]) -> str:
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(payload)}."


def _named(account: Account) -> dict[str, object]:
    named: dict[str, object] = {}
    if account.display_name:
        named["name"] = account.display_name
    if account.photo_url:
        named["picture"] = account.photo_url
    if account.email:
        named |= {"email": account.email, "email_verified": account.email_verified}
    if account.phone:
        named["phone_number"] = account.phone
    return named


def _identities(account: Account) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if account.email:
        found["email"] = [account.email]
    if account.phone:
        found["phone"] = [account.phone]
    for provider in account.providers:
        found.setdefault(provider.provider, []).append(provider.subject)
    return found


def payload(token: str, refusal: str) -> dict[str, Any]:
    """What a JWT says, its signature unchecked; raises AuthRefused(refusal) if it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        raise AuthRefused(refusal)
    try:
        said = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        raise AuthRefused(refusal) from None
    if not isinstance(said, dict):
        raise AuthRefused(refusal)
    return said


def _part(content: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).rstrip(b"=").decode()

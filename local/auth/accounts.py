"""One account, and how the API shows it. Times are UTC seconds or milliseconds as the API wants them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

REDACTED = "UkVEQUNURUQ="  # what the vendor shows instead of a hash; its presence tells the SDK a password exists


@dataclass
class Provider:
    """An identity at another provider that signs in to this account."""

    provider: str
    subject: str
    email: str | None = None
    display_name: str | None = None
    photo_url: str | None = None

    def shown(self) -> dict[str, object]:
        return _present(
            providerId=self.provider,
            rawId=self.subject,
            federatedId=self.subject,
            email=self.email,
            displayName=self.display_name,
            photoUrl=self.photo_url,
        )


@dataclass
class Account:
    """A person as local auth knows them; the password only as its hash, never shown."""

    uid: str
    created_ms: int
    email: str | None = None
    email_verified: bool = False
    password: str | None = field(default=None, repr=False)
    password_changed_ms: int | None = None
    display_name: str | None = None
    photo_url: str | None = None
    phone: str | None = None
    disabled: bool = False
    custom_claims: str | None = None
    custom_auth: bool = False
    email_link: bool = False
    valid_since: int = 0
    last_login_ms: int | None = None
    last_refresh_ms: int | None = None
    providers: list[Provider] = field(default_factory=list)

    @staticmethod
    def read(text: str) -> Account:
        """The account from its stored text."""
        stored: dict[str, Any] = json.loads(text)
        stored["providers"] = [Provider(**provider) for provider in stored["providers"]]
        return Account(**stored)

    def written(self) -> str:
        """The text to store."""
        return json.dumps(asdict(self), separators=(",", ":"))

    def identities(self) -> list[dict[str, object]]:
        """Every way to sign in to this account, as the API lists them."""
        listed = [provider.shown() for provider in self.providers]
        if (self.password or self.email_link) and self.email:
            own = Provider("password", self.email, self.email, self.display_name, self.photo_url)
            listed.insert(0, own.shown())
        if self.phone:
            listed.append({"providerId": "phone", "phoneNumber": self.phone, "rawId": self.phone})
        return listed

    def sign_in_methods(self) -> list[str]:
        """How its address may sign in, in the vendor's words."""
        own = ["password"] if self.password else []
        return [*own, *(["emailLink"] if self.email_link else []), *(one.provider for one in self.providers)]

    def shown(self) -> dict[str, object]:
        """The account as lookup answers it."""
        return _present(
            localId=self.uid,
            email=self.email,
            emailVerified=self.email_verified if self.email else None,
            displayName=self.display_name,
            photoUrl=self.photo_url,
            phoneNumber=self.phone,
            passwordHash=REDACTED if self.password else None,
            passwordUpdatedAt=self.password_changed_ms,
            providerUserInfo=self.identities() or None,
            validSince=str(self.valid_since),
            disabled=self.disabled,
            customAttributes=self.custom_claims,
            customAuth=self.custom_auth or None,
            emailLinkSignin=self.email_link or None,
            createdAt=str(self.created_ms),
            lastLoginAt=None if self.last_login_ms is None else str(self.last_login_ms),
            lastRefreshAt=None if self.last_refresh_ms is None else _iso(self.last_refresh_ms),
        )

    def claims(self) -> dict[str, Any]:
        """The custom claims an admin has given."""
        claims: dict[str, Any] = json.loads(self.custom_claims) if self.custom_claims else {}
        return claims


def _iso(millis: int) -> str:
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _present(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}

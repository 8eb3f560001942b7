"""Who has an account, and who may sign in: every decision of local auth, without any HTTP.

The two doors (client and admin) call it with the fields of a request and get the fields of the answer; a refusal is an
AuthRefused in the vendor's words. Owned by the server's one thread.
"""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from . import fields, passwords, tokens
from .accounts import Account, Provider
from .codes import Codes, MailedCode
from .errors import AuthRefused, ensure
from .fields import Body
from .store import Session, Store

_ALPHABET = string.ascii_letters + string.digits


class Directory:
    """The accounts of one project."""

    def __init__(self, store: Store, project: str, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.project = project
        self.codes = Codes()
        self.origin = "http://127.0.0.1"
        self.email_privacy = False
        self._clock = clock

    def millis(self) -> int:
        return int(self._clock() * 1000)

    def seconds(self) -> int:
        return int(self._clock())

    # --- accounts -----------------------------------------------------------------------------------------------

    def create(self, body: Body, *, admin: bool) -> Account:
        """Adds an account from the fields of signUp; an admin may choose its id and state. Not safe twice."""
        ensure(admin or not fields.text(body, "localId"), "UNEXPECTED_PARAMETER : User ID")
        uid = fields.text(body, "localId") or new_uid()
        account = Account(uid, self.millis(), valid_since=self.seconds())
        ensure(not fields.text(body, "email") or fields.text(body, "password") or admin, "MISSING_PASSWORD")
        ensure(fields.text(body, "email") or not fields.text(body, "password") or admin, "MISSING_EMAIL")
        self._apply(account, body, admin=admin)
        self.store.insert(account)
        return account

    def change(self, account: Account, body: Body, *, admin: bool) -> Account:
        """Changes what the fields of an update name; a new password ends older sessions. Safe twice."""
        changed = replace(account, providers=list(account.providers))
        self._apply(changed, body, admin=admin)
        for attribute in fields.texts(body, "deleteAttribute"):
            _forget(changed, attribute)
        if admin and (link := body.get("linkProviderUserInfo")) is not None:
            self._link(changed, link)
        unlinked = set(fields.texts(body, "deleteProvider"))
        changed.providers = [provider for provider in changed.providers if provider.provider not in unlinked]
        if "phone" in unlinked:
            changed.phone = None
        if "password" in unlinked:
            changed.password = changed.password_changed_ms = None
        self.store.update(changed)
        return changed

    def _apply(self, account: Account, body: Body, *, admin: bool) -> None:
        given = fields.email(body)
        if given is not None and given != account.email:
            account.email, account.email_verified = given, False
        if (word := fields.password(body)) is not None:
            account.password, account.password_changed_ms = passwords.hashed(word), self.millis()
            account.valid_since = self.seconds()
        account.display_name = fields.text(body, "displayName") or account.display_name
        account.photo_url = fields.text(body, "photoUrl") or account.photo_url
        if admin:
            self._apply_admin(account, body)

    def _apply_admin(self, account: Account, body: Body) -> None:
        verified, disabled = fields.flag(body, "emailVerified"), fields.flag(body, "disableUser")
        disabled = fields.flag(body, "disabled") if disabled is None else disabled
        account.email_verified = account.email_verified if verified is None else verified
        account.disabled = account.disabled if disabled is None else disabled
        account.phone = fields.text(body, "phoneNumber") or account.phone
        if (claims := fields.claims(body)) is not None:
            account.custom_claims = claims
        if (since := body.get("validSince")) is not None:
            ensure(str(since).isdigit(), "INVALID_VALID_SINCE")
            account.valid_since = int(since)

    def _link(self, account: Account, link: object) -> None:
        """Gives the account another provider's identity; one of each provider, and each identity to one account."""
        if not isinstance(link, dict):
            raise AuthRefused("Invalid value at 'linkProviderUserInfo'")
        provider, subject = fields.text(link, "providerId") or "", fields.text(link, "rawId") or ""
        ensure(provider, "MISSING_PROVIDER_ID")
        ensure(subject, "MISSING_RAW_ID")
        known = self.store.by_identity(provider, subject)
        ensure(known is None or known.uid == account.uid, "FEDERATED_USER_ID_ALREADY_LINKED")
        name, picture = fields.text(link, "displayName"), fields.text(link, "photoUrl")
        others = [one for one in account.providers if one.provider != provider]
        account.providers = [*others, Provider(provider, subject, fields.email(link), name, picture)]

    def find(self, body: Body) -> list[Account]:
        """Every account that the localId, email or phoneNumber lists of an admin lookup name, once each."""
        found = [
            *(self.store.by_uid(uid) for uid in fields.texts(body, "localId")),
            *(self.store.by_email(address.lower()) for address in fields.texts(body, "email")),
            *(self.store.by_phone(number) for number in fields.texts(body, "phoneNumber")),
            *(
                self.store.by_identity(str(one.get("providerId")), str(one.get("rawId")))
                for one in body.get("federatedUserId") or []
            ),
        ]
        return list({account.uid: account for account in found if account}.values())

    def mail(self, kind: str, email: str, *, new_email: str | None, continue_url: str | None = None) -> MailedCode:
        """A code for an address, with a link to this server."""
        return self.codes.mail(kind, email, origin=self.origin, new_email=new_email, continue_url=continue_url)

    def clear(self) -> None:
        """Removes every account and every code."""
        self.store.clear()
        self.codes.clear()

    def existing(self, uid: str | None) -> Account:
        """The account with that id; raises AuthRefused if there is none."""
        account = self.store.by_uid(uid) if uid else None
        if account is None:
            raise AuthRefused("USER_NOT_FOUND")
        return account

    # --- sessions -----------------------------------------------------------------------------------------------

    def bearer(self, body: Body) -> tuple[Account, dict[str, Any]]:
        """Whose ID token the request carries, and what it says; raises AuthRefused if it no longer holds."""
        token = fields.text(body, "idToken")
        ensure(token, "INVALID_ID_TOKEN")
        said = tokens.payload(token or "", "INVALID_ID_TOKEN")
        ensure(said.get("aud") == self.project, "INVALID_ID_TOKEN")
        account = self.existing(str(said.get("user_id", "")))
        ensure(not account.disabled, "USER_DISABLED")
        issued = said.get("iat")
        ensure(isinstance(issued, int) and issued >= account.valid_since, "TOKEN_EXPIRED")
        return account, said

    def sign_in(self, account: Account, provider: str, claims: Body | None = None) -> Body:
        """Opens a session: ID token, refresh token and lifetime as every sign-in answers them."""
        ensure(not account.disabled, "USER_DISABLED")
        signed = replace(account, last_login_ms=self.millis(), last_refresh_ms=self.millis())
        self.store.update(signed)
        session = Session(account.uid, provider, claims or {}, self.seconds())
        refresh = self.store.open_session(session)
        return {"idToken": self._id_token(signed, session), "refreshToken": refresh, "expiresIn": "3600"}

    def refresh(self, token: str | None) -> Body:
        """A new ID token for a refresh token; raises AuthRefused if the session is unknown or has been ended."""
        ensure(token, "MISSING_REFRESH_TOKEN")
        session = self.store.session(token or "")
        if session is None:
            raise AuthRefused("INVALID_REFRESH_TOKEN")
        account = self.existing(session.uid)
        ensure(not account.disabled, "USER_DISABLED")
        ensure(session.auth_time >= account.valid_since, "TOKEN_EXPIRED")
        account.last_refresh_ms = self.millis()
        self.store.update(account)
        fresh = self._id_token(account, session)
        return {"id_token": fresh, "access_token": fresh, "refresh_token": token, "user_id": account.uid}

    def _id_token(self, account: Account, session: Session) -> str:
        return tokens.issue(
            account,
            self.project,
            provider=session.provider,
            extra=session.claims,
            now=self.seconds(),
            auth_time=session.auth_time,
        )


def new_uid() -> str:
    """A random account id of the vendor's shape: 28 letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(28))


def _forget(account: Account, attribute: str) -> None:
    match attribute:
        case "DISPLAY_NAME":
            account.display_name = None
        case "PHOTO_URL":
            account.photo_url = None
        case "EMAIL":
            account.email, account.email_verified = None, False
        case "PASSWORD":
            account.password = account.password_changed_ms = None
        case _:
            raise AuthRefused(f"INVALID_ARGUMENT : deleteAttribute {attribute}")

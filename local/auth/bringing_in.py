"""accounts:batchCreate: an admin brings accounts in as they are, passwords included where they can be read."""

from __future__ import annotations

import re

from . import fields, passwords
from .accounts import Account, Provider
from .directory import Directory
from .errors import AuthRefused, ensure
from .fields import Body

_MOST = 1000
_FAKE_HASH = re.compile(r"fakeHash:salt=.*?:password=(.*)")


def bring_in(directory: Directory, body: Body) -> Body:
    """Adds or, if allowed, replaces accounts; those that cannot be taken are named, the others are in."""
    users = body.get("users")
    ensure(isinstance(users, list) and users, "MISSING_USER_ACCOUNT")
    ensure(len(users or []) <= _MOST, "USER_LIST_EXCEEDS_LIMIT")
    overwrite = bool(fields.flag(body, "allowOverwrite"))
    errors = []
    for place, user in enumerate(users or []):
        try:
            ensure(isinstance(user, dict), "user is no object")
            _take(directory, user, overwrite=overwrite)
        except AuthRefused as refused:
            errors.append({"index": place, "message": refused.message})
    return {"kind": "identitytoolkit#UploadAccountResponse", **({"error": errors} if errors else {})}


def _take(directory: Directory, user: Body, *, overwrite: bool) -> None:
    fields.refuse_unserved(user)
    uid = fields.text(user, "localId")
    ensure(uid, "localId is missing")
    known = directory.store.by_uid(str(uid))
    ensure(known is None or overwrite, "localId belongs to an existing account - can not overwrite.")
    account = _account(directory, str(uid), user)
    if known is None:
        directory.store.insert(account)
    else:
        directory.store.update(account)


def _account(directory: Directory, uid: str, user: Body) -> Account:
    account = Account(
        uid,
        _number(user, "createdAt") or directory.millis(),
        email=fields.email(user),
        email_verified=bool(fields.flag(user, "emailVerified")),
        display_name=fields.text(user, "displayName"),
        photo_url=fields.text(user, "photoUrl"),
        phone=fields.text(user, "phoneNumber"),
        disabled=bool(fields.flag(user, "disabled")),
        custom_claims=fields.claims(user),
        valid_since=_number(user, "validSince") or directory.seconds(),
        last_login_ms=_number(user, "lastLoginAt"),
        providers=[_provider(one) for one in user.get("providerUserInfo") or []],
    )
    account.password = _password(user)
    if account.password:
        account.password_changed_ms = directory.millis()
    account.providers = [one for one in account.providers if one.provider not in {"password", "phone"}]
    return account


def _password(user: Body) -> str | None:
    """The password to store: a hash of another make is kept, but nobody can sign in by it."""
    plain, hashed = fields.text(user, "rawPassword"), fields.text(user, "passwordHash")
    if plain is None and hashed is not None and (fake := _FAKE_HASH.fullmatch(hashed)):
        plain = fake.group(1)
    if plain is not None:
        return passwords.hashed(plain)
    return None if hashed is None else passwords.foreign(hashed)


def _provider(one: object) -> Provider:
    if not isinstance(one, dict):
        raise AuthRefused("providerUserInfo is no list of objects")
    provider, subject = fields.text(one, "providerId"), fields.text(one, "rawId") or fields.text(one, "federatedId")
    ensure(provider, "providerId is missing")
    return Provider(
        str(provider),
        str(subject or fields.text(one, "email") or ""),
        fields.email(one),
        fields.text(one, "displayName"),
        fields.text(one, "photoUrl"),
    )


def _number(user: Body, name: str) -> int | None:
    value = user.get(name)
    if value is None:
        return None
    ensure(str(value).isdigit(), f"{name} is invalid")
    return int(value)

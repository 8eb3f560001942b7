"""The ways in: password, anonymous, another provider's credential, custom token. Each answers as the vendor does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from . import fields, passwords, tokens
from .accounts import Account, Provider
from .directory import Directory
from .errors import AuthRefused, ensure, unserved
from .fields import Body

_KIND = "identitytoolkit#"


def sign_up(directory: Directory, body: Body) -> Body:
    """Makes an account by e-mail and password, or an anonymous one; with an ID token it adds them to that account."""
    if fields.text(body, "idToken"):
        account, _ = directory.bearer(body)
        ensure(fields.text(body, "email"), "MISSING_EMAIL")
        ensure(fields.text(body, "password"), "MISSING_PASSWORD")
        account = directory.change(account, body, admin=False)
    else:
        account = directory.create(body, admin=False)
    session = directory.sign_in(account, "password" if account.password else "anonymous")
    return {**_answer("SignupNewUserResponse", account), **session}


def with_password(directory: Directory, body: Body) -> Body:
    """Signs in by e-mail and password."""
    address, word = fields.email(body), fields.text(body, "password")
    ensure(address, "MISSING_EMAIL")
    ensure(word, "MISSING_PASSWORD")
    account = directory.store.by_email(address or "")
    private = "INVALID_LOGIN_CREDENTIALS" if directory.email_privacy else None
    if account is None:
        raise AuthRefused(private or "EMAIL_NOT_FOUND")
    ensure(not account.disabled, "USER_DISABLED")
    ensure(passwords.matches(word or "", account.password), private or "INVALID_PASSWORD")
    session = directory.sign_in(account, "password")
    return {**_answer("VerifyPasswordResponse", account), "registered": True, **session}


def with_custom_token(directory: Directory, body: Body) -> Body:
    """Signs in by a token that the admin SDK minted (its signature is not checked); makes the account if need be."""
    token = fields.text(body, "token")
    ensure(token, "MISSING_CUSTOM_TOKEN")
    said = _custom_token(token or "")
    fields.refuse_unserved({"tenantId": said.get("tenant_id")})
    uid, claims = said.get("uid"), said.get("claims") or {}
    ensure(isinstance(uid, str) and 0 < len(uid) <= 128, "INVALID_CUSTOM_TOKEN : missing uid")
    ensure(isinstance(claims, dict), "INVALID_CUSTOM_TOKEN : claims are no object")
    fields.refuse_reserved(claims)
    account = directory.store.by_uid(str(uid))
    new = account is None
    account = account or directory.create({"localId": uid}, admin=True)
    session = directory.sign_in(replace(account, custom_auth=True), "custom", claims)
    return {"kind": f"{_KIND}VerifyCustomTokenResponse", "isNewUser": new, **session}


def _custom_token(token: str) -> dict[str, Any]:
    if token.lstrip().startswith("{"):
        return _json(token, "INVALID_CUSTOM_TOKEN : not JSON")
    said = tokens.payload(token, "INVALID_CUSTOM_TOKEN : Invalid assertion format")
    ensure(said.get("aud") == tokens.CUSTOM_TOKEN_AUDIENCE, "INVALID_CUSTOM_TOKEN : wrong audience")
    return said


def with_idp(directory: Directory, body: Body) -> Body:
    """Signs in by another provider's ID token, given as plain JSON or as a JWT (its signature is not checked)."""
    identity, claims, token = _credential(body)
    account, new = _owner(directory, body, identity, claims)
    if account is None:
        return _needs_confirmation(directory, identity)
    session = directory.sign_in(account, identity.provider)
    return {
        **_answer("VerifyAssertionResponse", account),
        "providerId": identity.provider,
        "federatedId": f"https://accounts.google.com/{identity.subject}",
        "emailVerified": account.email_verified,
        "rawUserInfo": json.dumps(claims),
        "oauthIdToken": token,
        "isNewUser": new,
        **session,
    }


def _credential(body: Body) -> tuple[Provider, dict[str, Any], str]:
    posted = {name: values[0] for name, values in parse_qs(fields.text(body, "postBody") or "").items()}
    provider, token = posted.get("providerId"), posted.get("id_token")
    if not provider:
        raise AuthRefused("INVALID_CREDENTIAL_OR_PROVIDER_ID : Invalid IdP response/credential: no providerId")
    if provider.startswith(("oidc.", "saml.")):
        raise unserved(f"{provider[:4].upper()} providers ({provider})")
    if not token:
        raise AuthRefused("INVALID_IDP_RESPONSE : no id_token (an access token cannot be looked up offline)")
    refusal = "INVALID_IDP_RESPONSE : Unable to parse id_token"
    claims = _json(token, refusal) if token.lstrip().startswith("{") else tokens.payload(token, refusal)
    ensure(isinstance(claims.get("sub"), str) and claims["sub"], "INVALID_IDP_RESPONSE : Missing 'sub' in id_token")
    address = fields.email(claims)
    return (
        Provider(provider, claims["sub"], address, fields.text(claims, "name"), fields.text(claims, "picture")),
        claims,
        token,
    )


def _owner(directory: Directory, body: Body, identity: Provider, claims: Body) -> tuple[Account | None, bool]:
    """Whose account the identity opens, and whether it is new; None if the e-mail belongs to another way in."""
    known = directory.store.by_identity(identity.provider, identity.subject)
    if fields.text(body, "idToken"):
        account, _ = directory.bearer(body)
        ensure(known is None or known.uid == account.uid, "FEDERATED_USER_ID_ALREADY_LINKED")
        return _linked(directory, account, identity, claims), False
    if known is not None:
        ensure(not known.disabled, "USER_DISABLED")
        return _linked(directory, known, identity, claims), False
    same = directory.store.by_email(identity.email) if identity.email else None
    if same is None:
        return _linked(directory, directory.create({}, admin=False), identity, claims), True
    return (_linked(directory, same, identity, claims) if claims.get("email_verified") is True else None), False


def _linked(directory: Directory, account: Account, identity: Provider, claims: Body) -> Account:
    others = [one for one in account.providers if one.provider != identity.provider]
    verified = claims.get("email_verified") is True
    changed = replace(
        account,
        providers=[*others, identity],
        email=account.email or identity.email,
        display_name=account.display_name or identity.display_name,
        photo_url=account.photo_url or identity.photo_url,
    )
    if verified and changed.email == identity.email:
        if changed.password and not changed.email_verified:
            changed.password = None  # whoever set it never proved the address: the vendor drops it as well
        changed.email_verified = True
    directory.store.update(changed)
    return changed


def _needs_confirmation(directory: Directory, identity: Provider) -> Body:
    holder = directory.store.by_email(identity.email or "")
    ways = [str(one["providerId"]) for one in holder.identities()] if holder else []
    return {
        "kind": f"{_KIND}VerifyAssertionResponse",
        "needConfirmation": True,
        "email": identity.email,
        "providerId": identity.provider,
        "verifiedProvider": ways,
    }


def _json(text: str, refusal: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        raise AuthRefused(refusal) from None
    if not isinstance(said, dict):
        raise AuthRefused(refusal)
    return said


def _answer(kind: str, account: Account) -> Body:
    answer: Body = {"kind": f"{_KIND}{kind}", "localId": account.uid}
    for name, value in (
        ("email", account.email), ("displayName", account.display_name), ("photoUrl", account.photo_url),
    ):  # fmt: skip
        if value:
            answer[name] = value
    return answer

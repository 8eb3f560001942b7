"""The endpoints a browser or phone calls, with an API key and, where it acts for somebody, an ID token."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from aiohttp import web

from . import fields, mail, phone, sign_in
from .directory import Directory
from .errors import AuthRefused, ensure, unserved
from .fields import Body
from .replies import json_body

Verb: TypeAlias = Callable[[Directory, Body], Body]


def lookup(directory: Directory, body: Body) -> Body:
    """The account the ID token belongs to."""
    ensure(fields.text(body, "idToken"), "MISSING_ID_TOKEN")
    account, _ = directory.bearer(body)
    return {"kind": "identitytoolkit#GetAccountInfoResponse", "users": [account.shown()]}


def update(directory: Directory, body: Body) -> Body:
    """Changes what a person may change of their own account, or what a mailed code allows; fresh tokens on request."""
    if fields.text(body, "oobCode"):
        return updated(mail.apply(directory, body).shown())
    account, said = directory.bearer(body)
    changed = directory.change(account, body, admin=False)
    if account.email and changed.email != account.email:
        directory.mail("RECOVER_EMAIL", account.email, new_email=changed.email)
    return {**updated(changed.shown()), **_session(directory, changed.uid, body, said)}


def _session(directory: Directory, uid: str, body: Body, said: Body) -> Body:
    if not fields.flag(body, "returnSecureToken"):
        return {}
    firebase = said.get("firebase")
    provider = firebase.get("sign_in_provider") if isinstance(firebase, dict) else None
    account = directory.existing(uid)
    if provider == "anonymous" and account.password:
        provider = "password"
    return directory.sign_in(account, str(provider or "password"))


def updated(shown: Body) -> Body:
    """The answer to an update."""
    names = ("localId", "email", "displayName", "photoUrl", "emailVerified", "passwordHash", "providerUserInfo")
    return {"kind": "identitytoolkit#SetAccountInfoResponse", **{name: shown[name] for name in names if name in shown}}


def delete(directory: Directory, body: Body) -> Body:
    """Removes the account the ID token belongs to."""
    ensure(fields.text(body, "idToken"), "MISSING_ID_TOKEN")
    account, _ = directory.bearer(body)
    directory.store.delete([account.uid])
    return {"kind": "identitytoolkit#DeleteAccountResponse"}


VERBS: dict[str, Verb] = {
    "signUp": sign_in.sign_up,
    "signInWithPassword": sign_in.with_password,
    "signInWithIdp": sign_in.with_idp,
    "signInWithCustomToken": sign_in.with_custom_token,
    "lookup": lookup,
    "update": update,
    "delete": delete,
    "createAuthUri": mail.ways_in,
    "resetPassword": mail.reset_password,
    "sendOobCode": partial(mail.send, admin=False),
    "signInWithEmailLink": mail.with_link,
    "sendVerificationCode": phone.send,
    "signInWithPhoneNumber": phone.with_code,
}
# What the SDK may ask before it begins; nothing here needs a puzzle solved, and passwords need six characters.
_ASKED: dict[str, Body] = {
    "v1/recaptchaParams": {
        "kind": "identitytoolkit#GetRecaptchaParamResponse",
        "recaptchaStoken": "local-auth-has-no-recaptcha",
        "recaptchaSiteKey": "local-auth-has-no-recaptcha",
    },
    "v2/recaptchaConfig": {
        "recaptchaEnforcementState": [{"provider": "EMAIL_PASSWORD_PROVIDER", "enforcementState": "OFF"}]
    },
    "v2/passwordPolicy": {
        "customStrengthOptions": {"minPasswordLength": 6, "maxPasswordLength": 4096},
        "allowedNonAlphanumericCharacters": list("^$*.[]{}()?\"!@#%&/\\,><':;|_~"),
        "schemaVersion": 1,
        "enforcementState": "OFF",
    },
}


def routes(directory: Directory) -> list[web.RouteDef]:
    """The client's routes over the accounts of `directory`."""

    async def account(request: web.Request) -> web.Response:
        _need_key(request)
        name = request.match_info["verb"]
        if name not in VERBS:
            raise unserved(f"accounts:{name}")
        return web.json_response(VERBS[name](directory, await json_body(request)))

    async def projects(request: web.Request) -> web.Response:
        _need_key(request)
        return web.json_response({"projectId": directory.project, "authorizedDomains": ["localhost", "127.0.0.1"]})

    async def token(request: web.Request) -> web.Response:
        _need_key(request)
        form = await request.post() if request.content_type != "application/json" else await json_body(request)
        given = {name: value for name, value in form.items() if isinstance(value, str)}
        ensure(given.get("grant_type"), "MISSING_GRANT_TYPE")
        ensure(given["grant_type"] == "refresh_token", "INVALID_GRANT_TYPE")
        fresh = directory.refresh(given.get("refresh_token"))
        return web.json_response(
            {**fresh, "expires_in": "3600", "token_type": "Bearer", "project_id": directory.project}
        )

    async def asked(request: web.Request) -> web.Response:
        _need_key(request)
        name = request.path.removeprefix("/identitytoolkit.googleapis.com/")
        if name not in _ASKED:
            raise unserved(f"second factors ({name})" if "/accounts/mfa" in name else name)
        return web.json_response(_ASKED[name])

    async def revoke(request: web.Request) -> web.Response:
        _need_key(request)
        directory.bearer(await json_body(request))
        return web.json_response({})

    return [
        web.post("/identitytoolkit.googleapis.com/v2/accounts:revokeToken", revoke),
        web.get("/identitytoolkit.googleapis.com/v1/recaptchaParams", asked),
        web.route("*", "/identitytoolkit.googleapis.com/v2/{rest:(accounts|passwordPolicy|recaptcha).*}", asked),
        web.post("/identitytoolkit.googleapis.com/v1/accounts:{verb}", account),
        web.get("/identitytoolkit.googleapis.com/v1/projects", projects),
        web.post("/securetoken.googleapis.com/v1/token", token),
    ]


def _need_key(request: web.Request) -> None:
    if not request.query.get("key"):
        raise AuthRefused("The request is missing a valid API key.", 403, "PERMISSION_DENIED")

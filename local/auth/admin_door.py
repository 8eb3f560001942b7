"""The endpoints firebase-admin calls, with the emulator's own credential `Bearer owner`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from aiohttp import web

from . import fields, mail, tokens
from .accounts import REDACTED, Account
from .bringing_in import bring_in
from .client_door import updated
from .directory import Directory
from .emulator_door import need_project
from .errors import AuthRefused, ensure, unserved
from .fields import Body
from .replies import json_body

Verb: TypeAlias = Callable[[Directory, Body], Body]
_PAGE = 1000
_UNSERVED = {
    "tenants": "tenants", "oauthIdpConfigs": "OIDC providers", "inboundSamlConfigs": "SAML providers",
    "config": "settings of a project", "defaultSupportedIdpConfigs": "settings of providers",
}  # fmt: skip


def create(directory: Directory, body: Body) -> Body:
    account = directory.create(body, admin=True)
    return {"kind": "identitytoolkit#SignupNewUserResponse", **account.shown()}


def lookup(directory: Directory, body: Body) -> Body:
    found = [account.shown() for account in directory.find(body)]
    return {"kind": "identitytoolkit#GetAccountInfoResponse", **({"users": found} if found else {})}


def update(directory: Directory, body: Body) -> Body:
    account = _named(directory, body)
    return updated(directory.change(account, body, admin=True).shown())


def delete(directory: Directory, body: Body) -> Body:
    account = _named(directory, body)
    directory.store.delete([account.uid])
    return {"kind": "identitytoolkit#DeleteAccountResponse"}


def _named(directory: Directory, body: Body) -> Account:
    ensure(fields.text(body, "localId"), "MISSING_LOCAL_ID")
    return directory.existing(fields.text(body, "localId"))


def delete_many(directory: Directory, body: Body) -> Body:
    """Deletes several accounts; without `force` the ones that are not disabled stay, and are named."""
    uids = fields.texts(body, "localIds")
    ensure(0 < len(uids) <= _PAGE, "LOCAL_ID_LIST_EXCEEDS_LIMIT" if uids else "LOCAL_ID_LIST_EMPTY")
    found = {uid: directory.store.by_uid(uid) for uid in uids}
    kept = {uid for uid, account in found.items() if account and not account.disabled and not body.get("force")}
    directory.store.delete([uid for uid in uids if uid not in kept])
    message = "NOT_DISABLED : Disable the account before batch deletion."
    errors = [{"index": place, "localId": uid, "message": message} for place, uid in enumerate(uids) if uid in kept]
    return {"errors": errors} if errors else {}


def query(directory: Directory, body: Body) -> Body:
    """Counts the accounts, and lists them unless told not to; expressions are not supported."""
    if body.get("expression"):
        raise unserved("expressions in queries of accounts")
    if fields.flag(body, "returnUserInfo") is False:
        return {"recordsCount": str(directory.store.count())}
    found = [account.shown() for account in directory.store.page("", _PAGE)]
    return {"recordsCount": str(len(found)), "userInfo": found}


VERBS: dict[str, Verb] = {
    "lookup": lookup,
    "update": update,
    "delete": delete,
    "batchDelete": delete_many,
    "query": query,
    "batchCreate": bring_in,
    "sendOobCode": partial(mail.send, admin=True),
}
_SHORTEST_COOKIE, _LONGEST_COOKIE = 5 * 60, 14 * 24 * 3600


def session_cookie(directory: Directory, body: Body) -> Body:
    """A cookie that stands for an ID token, for five minutes to two weeks."""
    ensure(fields.text(body, "idToken"), "MISSING_ID_TOKEN")
    seconds = str(body.get("validDuration") or _LONGEST_COOKIE)
    ensure(seconds.isdigit() and _SHORTEST_COOKIE <= int(seconds) <= _LONGEST_COOKIE, "INVALID_DURATION")
    _, said = directory.bearer(body)
    cookie = tokens.session_cookie(said, directory.project, now=directory.seconds(), seconds=int(seconds))
    return {"sessionCookie": cookie}


def _exported(account: Account) -> Body:
    """As lookup shows it; who has a password has a salt, which is told as little as the hash."""
    return {**account.shown(), **({"salt": REDACTED} if account.password else {})}


def page(directory: Directory, limit: str, token: str) -> Body:
    """One page of all accounts, in order of their ids."""
    ensure(limit.isdigit() and 0 < int(limit) <= _PAGE, "INVALID_PAGE_SELECTION")
    try:
        after = base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise AuthRefused("INVALID_PAGE_SELECTION") from None
    found = directory.store.page(after, int(limit))
    answer: Body = {"kind": "identitytoolkit#DownloadAccountResponse", "users": [_exported(one) for one in found]}
    if len(found) == int(limit):
        answer["nextPageToken"] = base64.urlsafe_b64encode(found[-1].uid.encode()).decode()
    return answer


def routes(directory: Directory) -> list[web.RouteDef]:
    """The admin's routes over the accounts of `directory`."""
    base = "/identitytoolkit.googleapis.com/v1/projects/{project}"

    async def new(request: web.Request) -> web.Response:
        _need_owner(request, directory)
        return web.json_response(create(directory, await json_body(request)))

    async def account(request: web.Request) -> web.Response:
        _need_owner(request, directory)
        name = request.match_info["verb"]
        if name not in VERBS:
            raise unserved(f"accounts:{name}")
        return web.json_response(VERBS[name](directory, await json_body(request)))

    async def pages(request: web.Request) -> web.Response:
        _need_owner(request, directory)
        limit = request.query.get("maxResults", "20")
        return web.json_response(page(directory, limit, request.query.get("nextPageToken", "")))

    async def cookie(request: web.Request) -> web.Response:
        _need_owner(request, directory)
        return web.json_response(session_cookie(directory, await json_body(request)))

    async def missing(request: web.Request) -> web.Response:
        _need_owner(request, directory)
        asked = request.match_info["rest"]
        kind = asked.partition("/")[0].partition("?")[0]
        raise unserved(f"{_UNSERVED.get(kind, 'endpoint')} ({asked} of a project)")

    return [
        web.post(f"{base}/accounts", new),
        web.post(f"{base}/accounts:{{verb}}", account),
        web.get(f"{base}/accounts:batchGet", pages),
        web.post("/identitytoolkit.googleapis.com/v1/projects/{project:[^/:]+}:createSessionCookie", cookie),
        web.route("*", "/identitytoolkit.googleapis.com/v2/projects/{project:[^/:]+}/{rest:.+}", missing),
        web.route("*", f"{base}/{{rest:(tenants|oauthIdpConfigs|inboundSamlConfigs).*}}", missing),
    ]


def _need_owner(request: web.Request, directory: Directory) -> None:
    if request.headers.get("Authorization", "") != "Bearer owner":
        raise AuthRefused("Request is missing required authentication credential.", 401, "UNAUTHENTICATED")
    need_project(request, directory)

"""The endpoints firebase-admin calls, with the emulator's own credential `Bearer owner`, and the test helpers' two."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TypeAlias

from aiohttp import web

from . import fields
from .client_door import updated
from .directory import Directory
from .errors import AuthRefused, ensure
from .fields import Body
from .replies import json_body

Verb: TypeAlias = Callable[[Directory, Body], Body]
_PAGE = 1000


def create(directory: Directory, body: Body) -> Body:
    account = directory.create(body, admin=True)
    return {"kind": "identitytoolkit#SignupNewUserResponse", **account.shown()}


def lookup(directory: Directory, body: Body) -> Body:
    found = [account.shown() for account in directory.find(body)]
    return {"kind": "identitytoolkit#GetAccountInfoResponse", **({"users": found} if found else {})}


def update(directory: Directory, body: Body) -> Body:
    account = directory.existing(fields.text(body, "localId"))
    return updated(directory.change(account, body, admin=True).shown())


def delete(directory: Directory, body: Body) -> Body:
    account = directory.existing(fields.text(body, "localId"))
    directory.store.delete([account.uid])
    return {"kind": "identitytoolkit#DeleteAccountResponse"}


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
        raise AuthRefused("NOT_IMPLEMENTED : local auth queries without expressions", 501, "UNIMPLEMENTED")
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
}


def page(directory: Directory, limit: str, token: str) -> Body:
    """One page of all accounts, in order of their ids."""
    ensure(limit.isdigit() and 0 < int(limit) <= _PAGE, "INVALID_PAGE_SELECTION")
    try:
        after = base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise AuthRefused("INVALID_PAGE_SELECTION") from None
    found = directory.store.page(after, int(limit))
    answer: Body = {"kind": "identitytoolkit#DownloadAccountResponse", "users": [one.shown() for one in found]}
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
            raise AuthRefused(f"NOT_IMPLEMENTED : local auth has no accounts:{name}", 501, "UNIMPLEMENTED")
        return web.json_response(VERBS[name](directory, await json_body(request)))

    async def pages(request: web.Request) -> web.Response:
        _need_owner(request, directory)
        limit = request.query.get("maxResults", "20")
        return web.json_response(page(directory, limit, request.query.get("nextPageToken", "")))

    async def clear(request: web.Request) -> web.Response:
        _need_project(request, directory)
        directory.store.clear()
        return web.json_response({})

    async def config(request: web.Request) -> web.Response:
        _need_project(request, directory)
        return web.json_response({"signIn": {"allowDuplicateEmails": False}})

    return [
        web.post(f"{base}/accounts", new),
        web.post(f"{base}/accounts:{{verb}}", account),
        web.get(f"{base}/accounts:batchGet", pages),
        web.delete("/emulator/v1/projects/{project}/accounts", clear),
        web.get("/emulator/v1/projects/{project}/config", config),
    ]


def _need_owner(request: web.Request, directory: Directory) -> None:
    if request.headers.get("Authorization", "") != "Bearer owner":
        raise AuthRefused("Request is missing required authentication credential.", 401, "UNAUTHENTICATED")
    _need_project(request, directory)


def _need_project(request: web.Request, directory: Directory) -> None:
    if request.match_info["project"] != directory.project:
        raise AuthRefused("PROJECT_NOT_FOUND", 404, "NOT_FOUND")

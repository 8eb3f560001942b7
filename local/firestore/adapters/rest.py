"""REST `/v1/...`: the calls of the web SDK (`:batchGet`, `:commit`, `:runQuery` ...) and plain documents.

A call that streams on gRPC answers with one JSON array here. The path is percent-decoded once and the verb is what
follows the last colon, because document ids may hold nearly anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from multidict import MultiDict

from local.firestore.access import caller_of
from local.firestore.adapters.json_codec import read_json, read_message, write_error, write_message
from local.firestore.engine import Engine
from local.firestore.errors import Code, FirestoreError, invalid, not_here
from local.firestore.names import database_of
from local.firestore.rpc.call import Call
from local.firestore.rpc.table import Method, methods

_VERBS = {
    "batchGet": ("BatchGetDocuments", "database"),
    "commit": ("Commit", "database"),
    "batchWrite": ("BatchWrite", "database"),
    "beginTransaction": ("BeginTransaction", "database"),
    "rollback": ("Rollback", "database"),
    "runQuery": ("RunQuery", "parent"),
    "runAggregationQuery": ("RunAggregationQuery", "parent"),
    "listCollectionIds": ("ListCollectionIds", "parent"),
    "partitionQuery": ("PartitionQuery", "parent"),
}


class Rest:
    """Translates HTTP calls into calls of the method table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._methods = methods()

    def routes(self) -> Iterable[web.RouteDef]:
        path = "/v1/{name:.*}"
        verbs = {"POST": self._post, "GET": self._get, "PATCH": self._patch, "DELETE": self._delete}
        return [web.route(verb, path, handler) for verb, handler in verbs.items()]

    async def _post(self, request: web.Request) -> web.Response:
        name = _name(request)
        resource, colon, verb = name.rpartition(":")
        if colon and verb in _VERBS:
            return await self._verb(request, resource, verb)
        if colon and "/" not in verb and verb.isalpha() and resource.endswith("documents"):
            raise not_here(f'the REST call "{verb}"')
        parent, _, collection = name.rpartition("/")
        query = _query(request)
        body = {"parent": parent, "collectionId": collection, "documentId": query.get("documentId", "")}
        body = {**body, "document": await _body(request), **_mask(query, "mask")}
        return await self._call(request, "CreateDocument", body)

    async def _verb(self, request: web.Request, resource: str, verb: str) -> web.Response:
        method, key = _VERBS[verb]
        value = database_of(resource) if key == "database" else resource
        return await self._call(request, method, {**await _body(request), key: value})

    async def _get(self, request: web.Request) -> web.Response:
        name, query = _name(request), _query(request)
        asked = {**_only(query, "transaction", "readTime"), **_mask(query, "mask")}
        if _is_document(name):
            return await self._call(request, "GetDocument", {"name": name, **asked})
        parent, _, collection = name.rpartition("/")
        if not parent or "/documents" not in parent:
            raise _nothing(name)
        body = {"parent": parent, "collectionId": collection, **_only(query, "pageSize", "pageToken", "orderBy")}
        return await self._call(request, "ListDocuments", {**body, **_truth(query, "showMissing"), **asked})

    async def _patch(self, request: web.Request) -> web.Response:
        document, query = {**await _body(request), "name": _name(request)}, _query(request)
        body = {"document": document, **_mask(query, "updateMask"), **_mask(query, "mask"), **_condition(query)}
        return await self._call(request, "UpdateDocument", body)

    async def _delete(self, request: web.Request) -> web.Response:
        return await self._call(request, "DeleteDocument", {"name": _name(request), **_condition(_query(request))})

    async def _call(self, request: web.Request, name: str, body: dict[str, Any]) -> web.Response:
        method = self._methods[name]
        try:
            message = read_message(method.request, body, strict=True)
            call = Call(self._engine, caller_of(request.headers.get("Authorization")))
            answer = await method.function(call, message)
        except FirestoreError as problem:
            return refusal(problem, listed=method.streams)
        return web.json_response(_shape(method, answer))


def refusal(problem: FirestoreError, *, listed: bool = False) -> web.Response:
    """An error as REST tells it; calls that answer with an array wrap it in one."""
    body: Any = write_error(problem)
    return web.json_response([body] if listed else body, status=problem.code.http)


def _shape(method: Method, answer: Any) -> Any:
    return [write_message(each) for each in answer] if method.streams else write_message(answer)


def _name(request: web.Request) -> str:
    name = unquote(request.raw_path.partition("?")[0]).removeprefix("/v1/")
    if not name.startswith("projects/"):
        raise _nothing(name)
    if name.endswith("/"):
        raise invalid(f'Resource name "{name}" has invalid trailing "/".')
    return name


def _nothing(name: str) -> FirestoreError:
    return FirestoreError(Code.NOT_FOUND, f"There is nothing at /v1/{name}.")


def _is_document(name: str) -> bool:
    path = name.partition("/documents/")[2]
    return bool(path) and path.count("/") % 2 == 1


async def _body(request: web.Request) -> dict[str, Any]:
    return read_json(await request.read())


def _query(request: web.Request) -> MultiDict[str]:
    """The query's parameters; `update_mask.field_paths` is `updateMask.fieldPaths`."""
    return MultiDict(
        (re.sub("_([a-z])", lambda found: found[1].upper(), name), value) for name, value in request.query.items()
    )


def _only(query: MultiDict[str], *names: str) -> dict[str, Any]:
    return {name: query[name] for name in names if name in query}


def _mask(query: MultiDict[str], key: str) -> dict[str, Any]:
    paths = query.getall(f"{key}.fieldPaths", [])
    return {key: {"fieldPaths": paths}} if paths else {}


def _condition(query: MultiDict[str]) -> dict[str, Any]:
    given = {**_truth(query, "currentDocument.exists"), **_only(query, "currentDocument.updateTime")}
    return {"currentDocument": {name.partition(".")[2]: value for name, value in given.items()}} if given else {}


def _truth(query: MultiDict[str], name: str) -> dict[str, bool]:
    if name not in query:
        return {}
    text = query[name].lower()
    if text not in ("true", "false"):
        raise invalid(f"Invalid JSON payload received. Invalid value at '{name}' (TYPE_BOOL): \"{query[name]}\".")
    return {name: text == "true"}

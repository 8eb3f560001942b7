"""REST `/v1/...`: the calls of the web SDK (`:batchGet`, `:commit`, `:runQuery` ...) and plain documents.

A call that streams on gRPC answers with one JSON array here. The path is percent-decoded once and the verb is what
follows the last colon, because document ids may hold nearly anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from local.firestore.access import caller_of
from local.firestore.adapters.json_codec import read_json, read_message, write_error, write_message
from local.firestore.engine import Engine
from local.firestore.errors import Code, FirestoreError, not_here
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
        body = {"parent": parent, "collectionId": collection, "documentId": request.query.get("documentId", "")}
        return await self._call(request, "CreateDocument", {**body, "document": await _body(request)})

    async def _verb(self, request: web.Request, resource: str, verb: str) -> web.Response:
        method, key = _VERBS[verb]
        value = database_of(resource) if key == "database" else resource
        return await self._call(request, method, {**await _body(request), key: value})

    async def _get(self, request: web.Request) -> web.Response:
        name = _name(request)
        if _is_document(name):
            return await self._call(
                request, "GetDocument", {"name": name, **_moment(request), **_mask(request, "mask")}
            )
        parent, _, collection = name.rpartition("/")
        body: dict[str, Any] = {"parent": parent, "collectionId": collection, **_moment(request)}
        for key in ("pageSize", "pageToken", "orderBy", "showMissing"):
            if key in request.query:
                body[key] = _query_value(key, request.query[key])
        return await self._call(request, "ListDocuments", {**body, **_mask(request, "mask")})

    async def _patch(self, request: web.Request) -> web.Response:
        document = {**await _body(request), "name": _name(request)}
        body = {"document": document, **_mask(request, "updateMask"), **_mask(request, "mask"), **_condition(request)}
        return await self._call(request, "UpdateDocument", body)

    async def _delete(self, request: web.Request) -> web.Response:
        return await self._call(request, "DeleteDocument", {"name": _name(request), **_condition(request)})

    async def _call(self, request: web.Request, name: str, body: dict[str, Any]) -> web.Response:
        method = self._methods[name]
        try:
            message = read_message(method.request, body)
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
    name = unquote(request.raw_path.partition("?")[0]).removeprefix("/v1/").rstrip("/")
    if not name.startswith("projects/"):
        raise FirestoreError(Code.NOT_FOUND, f"There is nothing at /v1/{name}.")
    return name


def _is_document(name: str) -> bool:
    path = name.partition("/documents/")[2]
    return bool(path) and path.count("/") % 2 == 1


async def _body(request: web.Request) -> dict[str, Any]:
    return read_json(await request.read())


def _moment(request: web.Request) -> dict[str, Any]:
    return {key: request.query[key] for key in ("transaction", "readTime") if key in request.query}


def _mask(request: web.Request, key: str) -> dict[str, Any]:
    paths = request.query.getall(f"{key}.fieldPaths", [])
    return {key: {"fieldPaths": paths}} if paths else {}


def _condition(request: web.Request) -> dict[str, Any]:
    query = request.query
    if "currentDocument.exists" in query:
        return {"currentDocument": {"exists": query["currentDocument.exists"] == "true"}}
    if "currentDocument.updateTime" in query:
        return {"currentDocument": {"updateTime": query["currentDocument.updateTime"]}}
    return {}


def _query_value(key: str, text: str) -> Any:
    if key == "showMissing":
        return text == "true"
    return text

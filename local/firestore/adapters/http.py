"""The HTTP/1.1 application: WebChannel, REST and admin endpoints, with the CORS that browsers want.

The SDK sends credentials, so the origin is echoed (`*` would be refused by the browser), errors included, and a
preflight gets back the headers that it asks for. The emulator's endpoints and ours ask for no credentials: a page from
elsewhere, which must not empty the database, is turned away; one of this machine may use the emulator's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from local.firestore.adapters.admin import IMPORT, Admin
from local.firestore.adapters.rest import Rest, refusal
from local.firestore.adapters.viewer import Viewer
from local.firestore.adapters.webchannel import WebChannel
from local.firestore.errors import Code, FirestoreError, invalid
from local.firestore.rpc.writes import too_large

# Ten megabytes of protobuf may be thrice that as the JSON of a form.
_MAX_BODY = 32 * 1024 * 1024
_BODY_SECONDS = 30.0
_EMULATORS, _OURS = "/emulator/", "/_local/"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(webchannel: WebChannel, rest: Rest, admin: Admin, viewer: Viewer) -> web.Application:
    """Everything that is spoken over HTTP/1.1."""
    app = web.Application(client_max_size=_MAX_BODY, middlewares=[_preflight, _errors, _whole_body])
    app.add_routes([*webchannel.routes(), *rest.routes(), *admin.routes(), *viewer.routes()])
    app.on_response_prepare.append(_add_cors)
    return app


@web.middleware
async def _preflight(request: web.Request, handler: _Handler) -> web.StreamResponse:
    if request.path.startswith((_EMULATORS, _OURS)) and not _is_from_here(request):
        return refusal(FirestoreError(Code.PERMISSION_DENIED, "Pages from elsewhere may not use this endpoint."))
    if request.method == "OPTIONS" and not request.path.startswith(_OURS):
        return web.Response(status=204)
    return await handler(request)


@web.middleware
async def _errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except FirestoreError as problem:
        return refusal(problem)
    except web.HTTPException as problem:
        if problem.status == 404:
            return refusal(FirestoreError(Code.NOT_FOUND, f"There is nothing at {request.path}."))
        if problem.status == 413:
            return refusal(too_large())
        raise
    except web.RequestPayloadError as problem:
        return refusal(invalid(f"The request's body cannot be read: {problem}"))
    except ConnectionResetError:
        raise
    except Exception as problem:
        _log.exception("A call failed.")
        return refusal(FirestoreError(Code.INTERNAL, f"{type(problem).__name__}: {problem}"))


@web.middleware
async def _whole_body(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Takes the body in before anything is done, if it is not too large and does come."""
    if request.can_read_body and request.path != IMPORT:
        if (request.content_length or 0) > _MAX_BODY:
            raise too_large()
        try:
            await asyncio.wait_for(request.read(), _BODY_SECONDS)
        except TimeoutError as problem:
            raise FirestoreError(Code.DEADLINE_EXCEEDED, "The rest of the request did not come.") from problem
    return await handler(request)


async def _add_cors(request: web.Request, response: web.StreamResponse) -> None:
    origin = request.headers.get("Origin")
    if (
        origin is None
        or request.path.startswith(_OURS)
        or (request.path.startswith(_EMULATORS) and not _is_from_here(request))
    ):
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Allow-Credentials"] = "true"
    response.headers["Vary"] = "Origin"
    response.headers["Access-Control-Expose-Headers"] = "X-HTTP-Session-Id"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, PATCH, PUT, DELETE, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "")
        response.headers["Access-Control-Max-Age"] = "600"
        if "Access-Control-Request-Private-Network" in request.headers:
            response.headers["Access-Control-Allow-Private-Network"] = "true"


def _is_from_here(request: web.Request) -> bool:
    """Whether no page asks, or one of this machine or of this server."""
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).hostname in {*_LOOPBACK, urlsplit(f"//{request.host}").hostname}
    except ValueError:
        return False

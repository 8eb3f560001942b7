"""What every reply has in common: CORS for pages of this machine, and refusals in the vendor's shape."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import urlsplit

from aiohttp import web

from .errors import AuthRefused
from .fields import Body, refuse_unserved

_LOG = logging.getLogger(__name__)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers preflights and echoes the origin of a page of this machine (or of this server's own host)."""
    response = web.Response(status=204) if request.method == "OPTIONS" else await handler(request)
    origin = request.headers.get("Origin", "")
    if _welcome(origin, request.host):
        asked = request.headers.get("Access-Control-Request-Headers", "content-type")
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Headers"] = asked
        response.headers["Access-Control-Allow-Methods"] = "GET,POST,PATCH,DELETE,OPTIONS"
        response.headers["Access-Control-Max-Age"] = "600"
        response.headers["Vary"] = "Origin, Access-Control-Request-Headers"
    return response


def _welcome(origin: str, host: str) -> bool:
    try:
        name = urlsplit(origin).hostname
    except ValueError:
        return False
    return name is not None and (name in _LOOPBACK or name == urlsplit(f"//{host}").hostname)


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns every refusal, the framework's own included, into the vendor's error body."""
    try:
        return await handler(request)
    except AuthRefused as refused:
        return web.json_response(refused.body(), status=refused.status)
    except web.HTTPException as error:
        said = AuthRefused(error.reason, error.status, "NOT_FOUND" if error.status == 404 else None)
        return web.json_response(said.body(), status=error.status)
    except Exception:
        _LOG.exception("%s %s failed", request.method, request.path)
        return web.json_response(AuthRefused("INTERNAL_ERROR", 500, "INTERNAL").body(), status=500)


async def json_body(request: web.Request) -> Body:
    """The JSON object a request carries; raises AuthRefused on anything else, and on what is not served."""
    raw = await request.read()
    try:
        body = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise AuthRefused("Invalid JSON payload received.", 400, "INVALID_ARGUMENT") from None
    if not isinstance(body, dict):
        raise AuthRefused("Invalid JSON payload received. Expected an object.", 400, "INVALID_ARGUMENT")
    refuse_unserved(body)
    return body

"""The HTTP door: reads a call, lets faults strike, runs the endpoint in one transaction, answers.

What is acknowledged is committed. The request log keeps paths, cursors and outcomes, never a token or a secret.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import sqlite3
from typing import Any

from aiohttp import web

from local.plaid import journal, sync, wire
from local.plaid.admin import ADMIN
from local.plaid.endpoints import DOCUMENTED, SERVED
from local.plaid.errors import PlaidError
from local.plaid.faults import TAMPERS, Fault
from local.plaid.fields import check
from local.plaid.limits import table
from local.plaid.screens import screen
from local.plaid.tamper import tamper
from local.plaid.world import World

_LARGEST_BODY = 256 * 1024 * 1024
_COMPRESSED_FROM = 1024
_LOCAL_ORIGIN = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")
_log = logging.getLogger("local.plaid")
WORLD = web.AppKey("world", World)


def application(world: World) -> web.Application:
    """The application; the caller runs the courier beside it."""
    app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_cors])
    app[WORLD] = world
    app.router.add_route("*", "/{path:.*}", _dispatch)
    return app


@web.middleware
async def _cors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Lets pages of this machine call; a foreign page gets no answer from the admin API."""
    origin = request.headers.get("Origin")
    local = origin is not None and _LOCAL_ORIGIN.fullmatch(origin) is not None
    if origin is not None and origin != "null" and not local and request.path.startswith("/_local/"):
        return web.Response(status=403, text="the admin API answers pages of this machine only")
    response: web.StreamResponse = web.Response() if request.method == "OPTIONS" else await handler(request)
    if local and origin is not None:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Vary"] = "Origin"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE, OPTIONS"
            response.headers["Access-Control-Allow-Headers"] = request.headers.get(
                "Access-Control-Request-Headers", "Content-Type"
            )
            response.headers["Access-Control-Allow-Private-Network"] = "true"
            response.headers["Access-Control-Max-Age"] = "600"
    return response


async def _dispatch(request: web.Request) -> web.StreamResponse:
    if request.method == "GET" and (page := screen(request.path)) is not None:
        return page
    if request.path.startswith("/_local/"):
        return await _admin(request)
    return await _plaid(request)


async def _admin(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    raw = await request.read()
    try:
        found = ADMIN.get((request.method, request.path))
        if found is None:
            raise PlaidError("NOT_FOUND", f"there is no {request.method} {request.path}")
        if request.method == "POST" and request.content_type != "application/json":
            raise PlaidError("INVALID_HEADERS", "Content-Type must be application/json")
        ask = _parse(raw) if request.method == "POST" else dict(request.query)
        check(found.shape, ask)
        with world.commit():
            answer = found.handler(world, ask)
        status = 200
    except PlaidError as error:
        answer, status = error.body(), error.status
    world.wake()
    return _answer(request, answer, status)


async def _plaid(request: web.Request) -> web.StreamResponse:
    world = request.app[WORLD]
    raw = await request.read()
    record = journal.begin(world, request.path)
    try:
        return await _answer_call(request, raw, record)
    finally:
        journal.end(world, record)


async def _answer_call(request: web.Request, raw: bytes, record: dict[str, Any]) -> web.StreamResponse:
    world, fault = request.app[WORLD], None
    try:
        ask = _check_call(request, raw)
        if world.knobs.latency:
            await asyncio.sleep(world.knobs.latency)
        fault = _meet(world, request.path, ask, record)
        if fault is not None and (early := await _suffer(world, request, fault, record)) is not None:
            return early
        if fault is not None and fault.fault == "split":
            ask = ask | {"split": True}
        with world.commit():
            answer = SERVED[request.path].handler(world, ask)
        answer["request_id"] = answer.get("request_id") or world.mint.request_id()
        if fault is not None and fault.fault in TAMPERS:
            answer = tamper(fault, answer, world.mint)
        status = 200
    except PlaidError as error:
        answer, status = _told(world, error, record), error.status
    except Exception:
        _log.exception("%s failed", request.path)
        failure = PlaidError("INTERNAL_SERVER_ERROR")
        answer, status = _told(world, failure, record), failure.status
    world.wake()
    if fault is not None and fault.fault == "drop":
        return _drop(request, record)
    if fault is not None and fault.fault == "cut":
        return await _cut(request, answer, record)
    return _answer(request, answer, status)


def _told(world: World, error: PlaidError, record: dict[str, Any]) -> dict[str, Any]:
    record["status"], record["error_code"] = error.status, error.code
    return error.body() | {"request_id": world.mint.request_id()}


def _meet(world: World, path: str, ask: dict[str, Any], record: dict[str, Any]) -> Fault | None:
    """What a sound call meets first: the rate limits, which raise, and a fault."""
    item, knobs = _note(world, path, ask, record), world.knobs
    world.limiter.spend(table(knobs.limits, knobs.own_limits), knobs.limit_seconds, path, record["item_id"])
    return _strike(world, path, item, record)


def _check_call(request: web.Request, raw: bytes) -> dict[str, Any]:
    """Method, path, keys and fields, in this order; answers the fields."""
    path, world = request.path, request.app[WORLD]
    if path not in SERVED:
        if path in DOCUMENTED:
            raise PlaidError("UNIMPLEMENTED", f"{path} is part of Plaid's API, not of this stand-in")
        raise PlaidError("NOT_FOUND", f"{path} does not exist")
    if request.method != "POST":
        raise PlaidError("NOT_FOUND", f"{request.method} {path} does not exist; Plaid's endpoints take POST")
    ask = _parse(raw)
    given = (
        ask.pop("client_id", None) or request.headers.get("PLAID-CLIENT-ID"),
        ask.pop("secret", None) or request.headers.get("PLAID-SECRET"),
    )
    _authenticate(world, *given)
    check(SERVED[path].shape, ask)
    return ask


def _authenticate(world: World, client_id: Any, secret: Any) -> None:
    missing = [name for name, value in (("client_id", client_id), ("secret", secret)) if not value]
    if missing:
        raise PlaidError("MISSING_FIELDS", f"the following required fields are missing: {', '.join(missing)}")
    given = f"{client_id}\n{secret}".encode(errors="replace")
    if not hmac.compare_digest(given, f"{world.config.client_id}\n{world.config.secret}".encode()):
        raise PlaidError("INVALID_API_KEYS")


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        ask = wire.loads(raw)
    except (ValueError, RecursionError) as error:
        raise PlaidError("INVALID_BODY", f"body could not be parsed as JSON: {error}") from None
    if not isinstance(ask, dict):
        raise PlaidError("INVALID_BODY", "body must be a JSON object")
    return ask


def _note(world: World, path: str, ask: dict[str, Any], record: dict[str, Any]) -> sqlite3.Row | None:
    """Notes the item and page of a call; answers the item."""
    item = world.store.one("select * from items where access_token = ?", ask.get("access_token", ""))
    page = None
    record["item_id"] = item["item_id"] if item else None
    if path == "/transactions/sync" and item is not None:
        cursor, account_id = ask.get("cursor", ""), (ask.get("options") or {}).get("account_id")
        page = sync.page_number(world, item, cursor, account_id)
        record |= {"cursor": cursor, "count": ask.get("count", sync.DEFAULT_COUNT), "page": page}
    return item


def _strike(world: World, path: str, item: sqlite3.Row | None, record: dict[str, Any]) -> Fault | None:
    """The fault that hits a call, if any."""
    fault = world.faults.strike(path, record["item_id"], record.get("page"))
    if fault is not None and fault.fault == "mutation" and item is not None:
        with world.commit():
            sync.mutate(world, item)
    return fault


async def _suffer(
    world: World, request: web.Request, fault: Fault, record: dict[str, Any]
) -> web.StreamResponse | None:
    """Lets a fault strike before the endpoint runs; answers what the caller gets instead, if anything."""
    if fault.fault == "delay":
        await asyncio.sleep(fault.seconds)
    elif fault.fault == "error":
        raise PlaidError(fault.error_code, fault.error_message, type=fault.error_type, status=fault.status)
    elif fault.fault == "mutation" and record.get("page") == 1:
        raise PlaidError("TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION")
    elif fault.fault == "html":
        record["status"] = 502
        return web.Response(status=502, text="<html><h1>502 Bad Gateway</h1></html>", content_type="text/html")
    elif fault.fault == "empty":
        return web.Response(status=200, content_type="application/json")
    elif fault.fault == "drop" and fault.when == "before":
        return _drop(request, record)
    return None


def _drop(request: web.Request, record: dict[str, Any]) -> web.Response:
    """Closes the connection without an answer."""
    record["status"] = 0
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _cut(request: web.Request, answer: dict[str, Any], record: dict[str, Any]) -> web.StreamResponse:
    """Promises a whole answer, sends half of it and closes the connection."""
    body = wire.dumps(answer).encode("ascii")
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    record["status"] = 0
    if request.transport is not None:
        request.transport.close()
    return response


def _answer(request: web.Request, answer: dict[str, Any], status: int) -> web.Response:
    body = wire.dumps(answer).encode("ascii")
    response = web.Response(body=body, status=status, content_type="application/json")
    if len(body) >= _COMPRESSED_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)
    return response

"""What every request carries: its id, its body limit, strict JSON, and one canonical log line when it ends.

The id is the client's `X-Request-Id` if it is well-formed, else a new one; it goes into the answer, the problem body
and the log line. The trace (tracing.py) is that of its `traceparent`, else a new one, and goes into the answer too. The
line holds method, route, status, duration and user, never a body, a query string or a token.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import ExitStack
from typing import Any, NoReturn
from uuid import uuid4

from apiflask import APIFlask
from flask import Request, Response, g, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import RequestEntityTooLarge

from api.problems import MalformedJson
from sync import log as logs
from sync import tracing

BODY_LIMIT = 64 * 1024
WEBHOOK_BODY_LIMIT = 256 * 1024
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
QUIET_ROUTES = {"health.live", "health.ready", "page.asset", "page.index"}
log = logs.get("api")


class StrictJson(DefaultJSONProvider):
    """JSON as RFC 8259 has it: no NaN, no infinity, no repeated key, no nesting deeper than the parser can go."""

    sort_keys = False
    compact = True

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Parses one document; raises ValueError for anything that is not strictly JSON."""
        try:
            return json.loads(s, parse_constant=refuse_constant, object_pairs_hook=without_repeats, **kwargs)
        except RecursionError:
            raise ValueError("nested too deeply") from None


class StrictRequest(Request):
    """A request whose empty body is an empty object, so that missing fields are named like any others."""

    def get_data(self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False) -> Any:
        """The raw body; raises RequestEntityTooLarge, also for one sent in chunks, which would only be cut off."""
        data = super().get_data(cache, as_text, parse_form_data)  # type: ignore[call-overload]
        if self.content_length is None and len(data) >= (self.max_content_length or BODY_LIMIT):
            raise RequestEntityTooLarge
        return data

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The parsed body; raises MalformedJson."""
        return super().get_json(force, silent, cache) if self.get_data(cache=True) else {}

    def on_json_loading_failed(self, e: ValueError | None) -> NoReturn:
        """Says where parsing stopped."""
        place = f" near line {e.lineno}, column {e.colno}" if isinstance(e, json.JSONDecodeError) else ""
        raise MalformedJson(f"The body does not parse as JSON{place}.")


def refuse_constant(name: str) -> NoReturn:
    """Refuses NaN and the infinities, which are no JSON."""
    raise ValueError(f"{name} is no JSON value")


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, if no key is said twice: two parsers could disagree on which of the two counts."""
    parsed = dict(pairs)
    if len(parsed) != len(pairs):
        raise ValueError("a key appears twice")
    return parsed


def register_requests(app: APIFlask) -> None:
    """Gives the application strict requests, ids, limits and the canonical log line."""
    app.request_class = StrictRequest
    app.json = StrictJson(app)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.before_request(begin)
    app.after_request(end)
    app.teardown_request(leave)


def begin() -> None:
    """Names the request and refuses a body that is announced too large before anything reads it."""
    g.started = time.perf_counter()
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
    enter_trace()
    if request.endpoint == "webhooks.plaid":
        request.max_content_length = WEBHOOK_BODY_LIMIT
    if (request.content_length or 0) > (request.max_content_length or BODY_LIMIT):
        raise RequestEntityTooLarge


def enter_trace() -> None:
    """Gives the request its passport, and its span where spans are collected."""
    route = request.url_rule.rule if request.url_rule else "no route"
    origin = "webhook" if request.endpoint == "webhooks.plaid" else f"{request.method} {route}"
    passport = tracing.begin(origin, traceparent=request.headers.get("Traceparent", ""))
    g.trace = ExitStack()
    g.trace.enter_context(tracing.under(passport))
    if request.endpoint not in QUIET_ROUTES:
        g.span = g.trace.enter_context(tracing.span(origin))


def leave(_error: BaseException | None) -> None:
    """Ends the request's span and gives the thread back without its passport."""
    if "trace" in g:
        g.trace.close()


def end(answer: Response) -> Response:
    """Returns the id to the client and writes the canonical line."""
    answer.headers["X-Request-Id"] = g.request_id
    answer.headers["Traceparent"] = tracing.traceparent() or ""
    g.get("span", {})["http.response.status_code"] = answer.status_code
    write = log.debug if request.endpoint in QUIET_ROUTES and answer.status_code < 400 else log.info
    write(
        "request",
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=answer.status_code,
        code=g.get("error_code"),
        ms=round((time.perf_counter() - g.started) * 1000, 1),
        user_id=g.get("user_id"),
        request_id=g.request_id,
        replayed=g.get("replayed"),
        trace_id=tracing.current_id(),
    )
    return answer

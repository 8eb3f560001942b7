"""Errors as problem+json (RFC 9457): one shape for everything that goes wrong, whoever noticed it.

`{type, title, status, code, detail, instance, requestId, errors?}`. `code` is stable and documented in docs/errors.md;
`detail` is written for a person; nothing of a stack trace, a statement or a token ever gets in. What nobody foresaw
is logged with its traceback and answered as `internal`.
"""

from __future__ import annotations

import math
from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, g, json, request
from werkzeug.exceptions import HTTPException

from sync import log as logs
from sync.errors import (
    InvalidFields,
    ItemAlreadyLinked,
    LivespendError,
    PlaidPaced,
    PlaidRateLimited,
    TooManyRepairs,
    WebhookRejected,
)

MEDIA_TYPE = "application/problem+json"
log = logs.get("api")


class MalformedJson(LivespendError):
    """The body is not JSON."""

    code = "malformed-json"
    status = 400


class NotUnderstood(LivespendError):
    """The request cannot be understood."""

    code = "bad-request"
    status = 400


class RouteNotFound(LivespendError):
    """There is nothing at this address."""

    code = "route-not-found"
    status = 404


class MethodNotAllowed(LivespendError):
    """This address does not know this method."""

    code = "method-not-allowed"
    status = 405


class BodyTooLarge(LivespendError):
    """The body is larger than this address accepts."""

    code = "body-too-large"
    status = 413


KNOWN_STATUSES: dict[int, type[LivespendError]] = {
    error.status: error for error in (NotUnderstood, RouteNotFound, MethodNotAllowed, BodyTooLarge)
}


def register_problems(app: APIFlask) -> None:
    """Makes every error of the application leave as a problem."""
    app.register_error_handler(LivespendError, answer_known)
    app.register_error_handler(Exception, answer_unforeseen)
    app.error_processor(answer_invalid_fields)
    app.register_error_handler(HTTPException, answer_http)


def answer_known(error: LivespendError) -> Response:
    """An error that `sync` or this door foresaw."""
    if error.status >= 500:
        log.warning("refused", code=error.code, detail=error.detail, request_id=g.get("request_id"))
    if isinstance(error, InvalidFields):
        return problem(error, errors={logs.without_secrets(name): told for name, told in error.errors.items()})
    if isinstance(error, ItemAlreadyLinked) and error.item_id is not None:
        return problem(error, itemId=str(error.item_id))
    return problem(error)


def answer_http(error: HTTPException) -> Response:
    """An error of HTTP itself: no such route, wrong method, body too large."""
    status = error.code or 500
    if isinstance(error.response, Response) and status < 400:
        return error.response
    kind = KNOWN_STATUSES.get(status, NotUnderstood if status < 500 else LivespendError)
    answer = answer_known(kind(http_detail(error)))
    for name, value in error.get_headers():
        if name.lower() == "allow":
            answer.headers["Allow"] = value
    if status == 413:
        answer.headers["Connection"] = "close"
    return answer


def http_detail(error: HTTPException) -> str:
    """What to tell the client of an HTTP error, in our words where ours are clearer."""
    match error.code:
        case 404:
            return f"Nothing is served at {request.path}."
        case 405:
            return f"{request.path} does not answer {request.method}."
        case 413:
            return f"At most {request.max_content_length} bytes are accepted here."
        case _:
            return str(error.description)


def answer_invalid_fields(error: HTTPError) -> Response:
    """A body or query string that its model refused: each field with what it should have been."""
    refused = [fields for fields in error.detail.values() if isinstance(fields, dict)]
    errors = {field: "; ".join(messages) for fields in refused for field, messages in fields.items()}
    if "_schema" in errors:
        errors = {"body": "must be a JSON object"}
    return answer_known(InvalidFields(errors))


def answer_unforeseen(error: Exception) -> Response:
    """Anything else: logged with its traceback under the request id, answered without a word about it."""
    log.error("unforeseen_error", request_id=g.get("request_id"), exc_info=error)
    return problem(LivespendError("This is a fault on our side. The request id helps us to find it."))


def retry_after(error: LivespendError) -> int:
    """Whole seconds after which a refused request may work: what our pace for Plaid says, else a few."""
    if isinstance(error, TooManyRepairs):
        return 600
    if isinstance(error, PlaidPaced):
        return max(1, math.ceil(error.seconds))
    return 60 if isinstance(error, PlaidRateLimited) else 5  # Plaid's limits are per minute


def problem(error: LivespendError, **more: Any) -> Response:
    """The answer for one error."""
    g.error_code = error.code
    body = {
        "type": f"urn:livespend:problem:{error.code}",
        "title": error.title(),
        "status": error.status,
        "code": error.code,
        "detail": logs.without_secrets(error.detail),  # it may repeat what the caller sent
        "instance": logs.without_secrets(request.path),
        "requestId": g.get("request_id"),
        **more,
    }
    answer = Response(json.dumps(body), status=error.status, content_type=MEDIA_TYPE)
    answer.headers["Cache-Control"] = "no-store"
    if error.status == 401 and not isinstance(error, WebhookRejected):
        answer.headers["WWW-Authenticate"] = "Bearer"
    if error.status in (429, 503):
        answer.headers["Retry-After"] = str(retry_after(error))
    return answer

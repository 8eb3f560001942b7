"""`Idempotency-Key` for the POSTs that create: a retry after a lost answer gets that answer, and nothing twice.

The key belongs to its user and to one request (method, path, body). Storing and looking up are one transaction with
the work itself wherever a rollback can undo the work, in `sync.idempotency`. Errors are not stored: the retry tries
again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from flask import Response, g, jsonify, request

from api.answers import Answer
from api.current import deps, user_id
from sync.deps import Deps
from sync.errors import InvalidFields
from sync.idempotency import once

CREATING = frozenset({"/api/items", "/api/transactions", "/api/categories", "/api/rules", "/api/budgets",
                      "/api/households", "/api/households/{household_id}/budgets"})  # fmt: skip
KEY = re.compile(r"[!-~]{1,128}")
REPLAYED = "Idempotency-Replayed"


def create(work: Callable[[Deps], Answer], *, apart: bool = False) -> Response:
    """Answers 201 with what `work` creates, at most once per Idempotency-Key if the client sent one.

    `apart` for work that asks Plaid: see `sync.idempotency`.
    """

    def run(with_deps: Deps) -> tuple[int, dict[str, Any]]:
        return 201, work(with_deps).model_dump(mode="json", by_alias=True)

    key = request.headers.get("Idempotency-Key")
    if key is None:
        return answered(*run(deps()))
    if not KEY.fullmatch(key):
        raise InvalidFields({"Idempotency-Key": "must have 1 to 128 visible ASCII characters"})
    outcome = once(deps(), user_id(), key, fingerprint(), run, apart=apart)
    answer = answered(outcome.status, outcome.body)
    if outcome.replayed:
        g.replayed = True
        answer.headers[REPLAYED] = "true"
    return answer


def fingerprint() -> bytes:
    """What makes two requests the same: method, path and the meaning of the body, not its spacing."""
    body = json.dumps(request.get_json(force=True), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{request.method} {request.path} {body}".encode()).digest()


def answered(status: int, body: dict[str, Any]) -> Response:
    """The JSON answer."""
    answer = jsonify(body)
    answer.status_code = status
    return answer

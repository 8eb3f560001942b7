"""The OpenAPI document: what the routes declare, completed with what holds for all of them.

Every operation gets its sign-in (unless public), its request id, and the problems it may answer; creating POSTs get
their Idempotency-Key. One place instead of a decorator per route, so that no route can forget it.
"""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask

from api.auth import is_public
from api.idempotency import CREATING

TAGS = ("Profile", "Banks", "Transactions", "Categories", "Rules", "Months", "Budgets", "Households",
        "Page", "Webhooks", "Health")  # fmt: skip
PROBLEM_STATUSES = {
    "400": "The body is not JSON, or the request cannot be understood.",
    "401": "No valid ID token.",
    "403": "The sign-in is too old for this, or this is for a household's owners.",
    "404": "Not there, or not this user's: nobody can tell which.",
    "409": "The ledger's state does not allow it.",
    "410": "The user is being erased.",
    "413": "The body is too large.",
    "422": "Some fields are not valid; `errors` names each.",
    "429": "Asked too often.",
    "500": "A fault on our side.",
    "502": "Plaid refuses or is not understood.",
    "503": "The database, Plaid or the sign-in does not answer; try again.",
}
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "instance", "requestId"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:livespend:problem:item-not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; docs/errors.md lists all.", "examples": ["item-not-found"]},
        "detail": {"type": "string", "description": "For a person."},
        "instance": {"type": "string", "format": "uri-reference"},
        "requestId": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "Field to what it should have been.",
            "additionalProperties": {"type": "string"},
        },
        "itemId": {"type": "string", "format": "uuid", "description": "Of `item-already-linked`: the bank there is."},
    },
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
    "description": "Same key and same body: same answer, nothing is created twice. Other body: 422.",
}
REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$"},
    "description": "Returned in the answer and in problems, and logged.",
}
PLAID_VERIFICATION = {
    "name": "Plaid-Verification",
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
    "description": "Plaid's ES256 JWT over the body.",
}


def describe(app: APIFlask) -> None:
    """Completes the document that APIFlask generates."""
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        AUTO_OPERATION_ID=True,
        AUTO_SERVERS=False,
        AUTO_404_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        DESCRIPTION="Bank transactions, categories, totals and budgets of the signed-in user. See docs/api.md.",
        SECURITY_SCHEMES={"firebase": {"type": "http", "scheme": "bearer", "bearerFormat": "Firebase ID token"}},
    )
    public = public_operations(app)
    app.spec_processor(lambda spec: complete(spec, public))  # type: ignore[arg-type]


def public_operations(app: APIFlask) -> set[tuple[str, str]]:
    """Path and method of each operation that needs no token."""
    return {
        (openapi_path(rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if is_public(app, rule.endpoint)
        for method in rule.methods or ()
    }


def openapi_path(rule: str) -> str:
    """`/items/<uuid:item_id>` as OpenAPI writes it: `/items/{item_id}`."""
    return "".join("{" + part.split(">")[0].split(":")[-1] + "}" + part.split(">")[1] if ">" in part else part
                   for part in rule.split("<"))  # fmt: skip


def complete(spec: dict[str, Any], public: set[tuple[str, str]]) -> dict[str, Any]:
    """The document with sign-in, problems and headers on every operation."""
    spec.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    spec["tags"] = [{"name": name} for name in TAGS]
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            complete_operation(path, method, operation, needs_token=(path, method) not in public)
    return spec


def complete_operation(path: str, method: str, operation: dict[str, Any], *, needs_token: bool) -> None:
    """Adds to one operation what follows from its path and method."""
    operation["security"] = [{"firebase": []}] if needs_token else []
    parameters = [parameter for parameter in operation.get("parameters", []) if parameter]
    for parameter in parameters:
        if (
            parameter["in"] == "path"
            and parameter["name"].endswith("_id")
            and parameter["name"] != "member_id"
            and path != "/api/categories/{category_id}"
        ):
            parameter["schema"] = {"type": "string", "format": "uuid"}
    parameters.append(REQUEST_ID)
    if method == "post" and path in CREATING:
        parameters.append(IDEMPOTENCY_KEY)
    if path == "/webhooks/plaid":
        parameters.append(PLAID_VERIFICATION)
    operation["parameters"] = parameters
    for status in problem_statuses(method, path, needs_token=needs_token):
        operation["responses"].setdefault(status, problem_response(PROBLEM_STATUSES[status]))


def problem_statuses(method: str, path: str, *, needs_token: bool) -> list[str]:
    """The problems an operation may answer."""
    statuses = ["500"]
    if needs_token:
        statuses += ["401", "410", "503"]
    if path == "/webhooks/plaid":
        statuses += ["401", "413", "503"]
    elif method in ("post", "put", "patch"):
        statuses += ["400", "404", "409", "413", "422"]
    elif method == "delete":
        statuses += ["403", "404", "409"] if path == "/api/me" else ["404", "409"]
    if path.startswith("/api/households") and method != "get":
        statuses += ["403"]
    if method == "get" and ("{" in path or path == "/api/me"):
        statuses += ["404"]
    if path in ("/api/link-tokens", "/api/items") and method == "post":
        statuses += ["502"]
    if path in ("/api/acknowledgements", "/api/repairs"):
        statuses += ["429"]
    if path in ("/api/transactions", "/api/months/{month}"):
        statuses += ["422"]
    return sorted(set(statuses))


def problem_response(description: str) -> dict[str, Any]:
    """One problem response."""
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }

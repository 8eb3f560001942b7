"""JSON Schema of Plaid's answers, built from the installed plaid-python classes: it always fits the pinned client."""

from __future__ import annotations

import datetime
import importlib
import inspect
import json
import re
from functools import cache
from typing import Any

import jsonschema

# The generator forgets these, the specification does not.
_FORGOTTEN = {"Transaction": ["name", "location", "payment_meta", "account_owner", "pending_transaction_id"]}
_PRIMITIVES = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    dict: {"type": "object"},
    list: {"type": "array"},
    type(None): {"type": "null"},
    datetime.date: {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    datetime.datetime: {
        "type": "string",
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$",
    },
}


def model(name: str) -> Any:
    """A class of plaid.model by name."""
    module = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
    return getattr(importlib.import_module(f"plaid.model.{module}"), name)


def problems(class_name: str, answer: Any) -> list[str]:
    """What in an answer does not fit the class; empty when all is well."""
    errors = _validator(class_name).iter_errors(answer)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


@cache
def _validator(class_name: str) -> jsonschema.Draft202012Validator:
    definitions: dict[str, Any] = {}
    _define(model(class_name), definitions)
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{class_name}", "$defs": definitions})


def _define(found: Any, definitions: dict[str, Any]) -> None:
    if found.__name__ in definitions:
        return
    definitions[found.__name__] = shape = {}
    types = found.openapi_types
    if set(types) == {"value"}:
        shape |= _simple(found, definitions)
        return
    parts = [found, *_parents(found)]
    properties = {
        found.attribute_map[name]: _property(found, name, kinds, definitions) for name, kinds in types.items()
    }
    required = {name for part in parts for name in _required(part)} | set(_FORGOTTEN.get(found.__name__, ()))
    shape |= {"properties": properties, "required": sorted(required)}
    shape["type"] = ["object", "null"] if found._nullable else "object"


def _simple(found: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """A class that wraps one value: an enumeration, or a list of something."""
    if not found.allowed_values:
        return _kind(found.openapi_types["value"][0], definitions)
    values = list(found.allowed_values[("value",)].values())
    return {"enum": values if found._nullable else [value for value in values if value is not None]}


def _parents(found: Any) -> list[Any]:
    composed = getattr(found, "_composed_schemas", None)
    return list(composed.get("allOf", ())) if isinstance(composed, dict) else []


def _required(found: Any) -> list[str]:
    """The keys without which the client refuses to build the class."""
    parameters = inspect.signature(found._from_openapi_data).parameters
    return [found.attribute_map[name] for name in parameters if name in found.attribute_map]


def _property(found: Any, name: str, kinds: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    choices = [_kind(kind, definitions) for kind in kinds]
    shape: dict[str, Any] = choices[0] if len(choices) == 1 else {"anyOf": choices}
    allowed = found.allowed_values.get((name,))
    return {"allOf": [shape, {"enum": list(allowed.values())}]} if allowed else shape


def _kind(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if isinstance(kind, list):
        return {"type": "array", "items": _kind(kind[0], definitions)}
    if isinstance(kind, (tuple, dict)):
        return {}
    if kind in _PRIMITIVES:
        return dict(_PRIMITIVES[kind])
    _define(kind, definitions)
    return {"$ref": f"#/$defs/{kind.__name__}"}


# The classes of webhook bodies, by type and code.
HOOKS = {
    "TRANSACTIONS": {
        "SYNC_UPDATES_AVAILABLE": "SyncUpdatesAvailableWebhook",
        "RECURRING_TRANSACTIONS_UPDATE": "RecurringTransactionsUpdateWebhook",
        "INITIAL_UPDATE": "InitialUpdateWebhook",
        "HISTORICAL_UPDATE": "HistoricalUpdateWebhook",
        "DEFAULT_UPDATE": "DefaultUpdateWebhook",
        "TRANSACTIONS_REMOVED": "TransactionsRemovedWebhook",
    },
    "ITEM": {
        "ERROR": "ItemErrorWebhook",
        "LOGIN_REPAIRED": "ItemLoginRepairedWebhook",
        "PENDING_EXPIRATION": "PendingExpirationWebhook",
        "PENDING_DISCONNECT": "PendingDisconnectWebhook",
        "USER_PERMISSION_REVOKED": "UserPermissionRevokedWebhook",
        "USER_ACCOUNT_REVOKED": "UserAccountRevokedWebhook",
        "NEW_ACCOUNTS_AVAILABLE": "NewAccountsAvailableWebhook",
        "WEBHOOK_UPDATE_ACKNOWLEDGED": "WebhookUpdateAcknowledgedWebhook",
    },
    "LINK": {
        "SESSION_FINISHED": "LinkSessionFinishedWebhook",
        "ITEM_ADD_RESULT": "ItemAddResultWebhook",
        "EVENTS": "LinkEventsWebhook",
    },
}


def hook_problems(body: bytes) -> list[str]:
    """What in a webhook's body does not fit the class of its type and code."""
    told = json.loads(body)
    return problems(HOOKS[told["webhook_type"]][told["webhook_code"]], told)

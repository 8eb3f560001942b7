"""Who calls, and what the rules let them do.

`Bearer owner` is the admin and bypasses rules, as with the vendor's emulator; an ID token is its user (neither
signature nor expiry is looked at: test tokens are unsigned and old); no token is an unauthenticated caller. Whoever
is not the admin may do what the rules allow; without rules that is nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.firestore.clock import as_datetime
from local.firestore.errors import Code, FirestoreError
from local.firestore.fields import render
from local.firestore.plain import Plain
from local.firestore.query import filters
from local.firestore.query.plan import Plan
from local.firestore.storage.records import Record
from local.firestore.storage.store import Reader
from local.firestore.write.batch import Proposal

if TYPE_CHECKING:
    from local.firestore.database import Database, Permit
    from local.firestore.rules import Request, Rules

DENIED = "Missing or insufficient permissions."


@dataclass(frozen=True)
class Caller:
    """The admin, a user (claims with `uid`), or nobody (no claims)."""

    admin: bool
    claims: dict[str, Any] | None


OWNER = Caller(admin=True, claims=None)
NOBODY = Caller(admin=False, claims=None)


def caller_of(authorization: str | None) -> Caller:
    """Reads an Authorization header; raises UNAUTHENTICATED when it holds no readable token."""
    if not authorization:
        return NOBODY
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise FirestoreError(Code.UNAUTHENTICATED, "The Authorization header must be a Bearer token.")
    return OWNER if token == "owner" else Caller(admin=False, claims=_claims(token))


def _claims(token: str) -> dict[str, Any]:
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        user = claims.get("user_id") or claims["sub"]
    except (IndexError, ValueError, KeyError, AttributeError) as problem:
        raise FirestoreError(Code.UNAUTHENTICATED, "The ID token cannot be read.") from problem
    return {**claims, "uid": user}


class Gate:
    """The rules of one database, put to one caller. Rules are fetched anew each time: they may be replaced."""

    def __init__(self, rules: Callable[[], Rules | None], database: Database, caller: Caller) -> None:
        self._rules = rules
        self._database = database
        self._caller = caller

    @property
    def admin(self) -> bool:
        return self._caller.admin

    def admin_only(self) -> None:
        """Raises PERMISSION_DENIED for everybody but the admin."""
        if not self.admin:
            raise FirestoreError(Code.PERMISSION_DENIED, DENIED)

    def get(self, path: str, reader: Reader) -> set[str]:
        """Lets a document be read; answers the paths that the verdict rests on. Raises PERMISSION_DENIED."""
        if self.admin:
            return set()
        return self._ask(reader, self._now(), "get", path, before=_fields(reader.get(path)))

    def list(self, plan: Plan, reader: Reader) -> set[str]:
        """Lets a query run; answers the paths that the verdict rests on. Raises PERMISSION_DENIED."""
        if self.admin:
            return set()
        scope = plan.scope
        if scope.collection_id is None:
            raise FirestoreError(Code.PERMISSION_DENIED, DENIED)
        path = f"{scope.parent}/{scope.collection_id}" if scope.parent else scope.collection_id
        return self._ask(reader, self._now(), "list", path, query=_query(plan))

    def permit(self) -> Permit | None:
        """What a commit asks before each write; None for the admin."""
        return None if self.admin else self._write

    def _write(self, proposal: Proposal, reader: Reader) -> None:
        intent, before = proposal.intent, proposal.before
        condition = intent.precondition
        claims_existing = condition.HasField("update_time") or (condition.HasField("exists") and condition.exists)
        method = {"delete": "delete", "verify": "get"}.get(intent.kind)
        if method is None:
            method = "update" if before is not None or claims_existing else "create"
        self._ask(
            reader,
            proposal.request_time,
            method,
            intent.path,
            before=_fields(before),
            after=None if proposal.after is None else _plain().fields(proposal.after.fields),
        )

    def _ask(self, reader: Reader, time: int, method: str, path: str, **parts: Any) -> set[str]:
        rules = self._rules()
        if rules is None:
            raise FirestoreError(Code.PERMISSION_DENIED, f"{DENIED} No rules are loaded.")
        decision = rules.allows(_request(self._caller, time, method, path, parts), _read_function(reader))
        if not decision.allowed:
            raise FirestoreError(Code.PERMISSION_DENIED, "\n".join([DENIED, *decision.reasons]))
        return set(decision.touched)

    def _now(self) -> int:
        return self._database.clock.read_time()


def _request(caller: Caller, time: int, method: str, path: str, parts: dict[str, Any]) -> Request:
    from local.firestore.rules import Request

    defaults = {"before": None, "after": None, "query": None}
    return Request(method=method, path=path, auth=caller.claims, time=as_datetime(time), **{**defaults, **parts})


def _read_function(reader: Reader) -> Callable[[str], dict[str, Any] | None]:
    return lambda path: _fields(reader.get(path))


def _fields(record: Record | None) -> dict[str, Any] | None:
    return None if record is None else _plain().fields(record.content().fields)


def _plain() -> Plain:
    from local.firestore.rules import GeoPoint, Reference

    return Plain(Reference, GeoPoint)


def _query(plan: Plan) -> Any:
    from local.firestore.rules import Query

    groups = () if plan.tree is None else tuple(tuple(map(_triple, group)) for group in filters.disjuncts(plan.tree))
    return Query(
        disjuncts=groups,
        limit=plan.limit,
        offset=plan.offset,
        order_by=tuple((render(o.path), "DESC" if o.descending else "ASC") for o in plan.explicit_orders),
        collection_group=plan.scope.descendants,
    )


def _triple(condition: filters.Condition) -> tuple[str, str, Any]:
    return (render(condition.path), condition.op, _plain().value(condition.operand))

"""Who calls, and what the rules let them do.

`Bearer owner` is the admin and bypasses rules, as with the vendor's emulator; an ID token is its user (neither
signature nor expiry is looked at: test tokens are unsigned and old); no token is an unauthenticated caller. Whoever
is not the admin may do what the rules allow; without rules that is nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from local.firestore.clock import as_datetime
from local.firestore.errors import Code, FirestoreError
from local.firestore.fields import render
from local.firestore.plain import Plain
from local.firestore.query import filters
from local.firestore.query.plan import Plan
from local.firestore.rules import MAX_ACCESSES_OF_A_BATCH, AccessBudget, GeoPoint, Query, Reference, Request, Rules
from local.firestore.storage.records import Record
from local.firestore.storage.store import Reader
from local.firestore.write.batch import Lookup, Permit, Proposal

if TYPE_CHECKING:
    from local.firestore.database import Database

DENIED = "Missing or insufficient permissions."
_PLAIN = Plain(Reference, GeoPoint)


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
        return self._ask(reader.get, self._now(), "get", path, before=_fields(reader.get(path)))

    def list(self, plan: Plan, reader: Reader) -> set[str]:
        """Lets a query run; answers the paths that the verdict rests on. Raises PERMISSION_DENIED."""
        if self.admin:
            return set()
        scope = plan.scope
        if scope.collection_id is None:
            raise FirestoreError(Code.PERMISSION_DENIED, DENIED)
        path = f"{scope.parent}/{scope.collection_id}" if scope.parent else scope.collection_id
        return self._ask(reader.get, self._now(), "list", path, query=_query(plan))

    def get_many(self, paths: Iterable[str], reader: Reader) -> set[str]:
        """Like `get`, for several documents that share one budget of look-ups; the first denial is raised."""
        if self.admin:
            return set()
        budget = AccessBudget(MAX_ACCESSES_OF_A_BATCH)
        ask = partial(self._ask, reader.get, self._now(), "get", batch=budget)
        return set().union(*(ask(path, before=_fields(reader.get(path))) for path in paths))

    def permit(self) -> Permit | None:
        """What a commit asks for its writes; None for the admin."""
        return None if self.admin else self._permit

    def _permit(self, proposals: Sequence[Proposal], time: int, reader: Reader, after: Lookup) -> None:
        budget = AccessBudget(MAX_ACCESSES_OF_A_BATCH) if len(proposals) > 1 else None
        for proposal in proposals:
            content = proposal.content
            self._ask(
                reader.get,
                time,
                _method(proposal),
                proposal.intent.path,
                before=_fields(proposal.before),
                after=None if content is None else _PLAIN.fields(content.fields),
                read_after=lambda path: _fields(after(path)),
                batch=budget,
            )

    def _ask(
        self,
        lookup: Lookup,
        time: int,
        method: str,
        path: str,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        query: Query | None = None,
        **context: Any,
    ) -> set[str]:
        rules = self._rules()
        if rules is None:
            raise FirestoreError(Code.PERMISSION_DENIED, f"{DENIED} No rules are loaded.")
        request = Request(method, path, self._caller.claims, as_datetime(time), before, after, query)
        decision = rules.allows(request, lambda other: _fields(lookup(other)), **context)
        if not decision.allowed:
            raise FirestoreError(Code.PERMISSION_DENIED, "\n".join([DENIED, *decision.reasons]))
        return set(decision.touched)

    def _now(self) -> int:
        return self._database.clock.read_time()


def _method(proposal: Proposal) -> str:
    kind = proposal.intent.kind
    if kind != "update":
        return "get" if kind == "verify" else "delete"
    condition = proposal.intent.precondition
    # Who says that a document is there, or is not, is judged by what they say; the commit then fails if it is wrong.
    if condition.HasField("exists"):
        return "update" if condition.exists else "create"
    return "update" if proposal.before is not None or condition.HasField("update_time") else "create"


def _fields(record: Record | None) -> dict[str, Any] | None:
    return None if record is None else _PLAIN.fields(record.content().fields)


def _query(plan: Plan) -> Query:
    groups = () if plan.tree is None else tuple(tuple(map(_triple, group)) for group in filters.disjuncts(plan.tree))
    return Query(
        disjuncts=groups,
        limit=plan.limit,
        offset=plan.offset,
        order_by=tuple((render(o.path), "DESC" if o.descending else "ASC") for o in plan.explicit_orders),
        collection_group=plan.scope.descendants,
    )


def _triple(condition: filters.Condition) -> tuple[str, str, Any]:
    return (render(condition.path), condition.op, _PLAIN.value(condition.operand))

"""A loaded rules file and its verdicts. No I/O but the reader it is handed; whatever goes wrong inside, it denies."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache

from . import nodes
from .check import check
from .coverage import Coverage
from .documents import Documents, Reader, resource_of
from .errors import EvaluationError, RulesSyntaxError, Span, refuse
from .evaluate import Evaluator
from .limits import MAX_SOURCE_BYTES, AccessBudget
from .listing import alternatives, known_data
from .matching import ANYWHERE, UNKNOWN, Frame, Rule, bindings, frames, named, rules
from .parse import METHODS, parse
from .request import Decision, Query, Request
from .values import ROOT, Failure, Path, Timestamp, to_map

_LOG = logging.getLogger(__name__)
_VERBS = frozenset(METHODS) - {"read", "write"}


class Rules:
    """The rules of one file; loading checks it whole, deciding changes nothing and may run in any thread."""

    def __init__(self, text: str, file: nodes.File, warned: list[tuple[Span, str]]) -> None:
        self.text = text
        self.file = file
        self.warned = warned
        self.warnings = tuple(f"{at}: {message}" for at, message in warned)
        self.rules = tuple(rules(file.matches))
        self.coverage: Coverage | None = None

    @staticmethod
    def load(text: str, *, strict: bool = False) -> Rules:
        """The rules in `text`; raises RulesSyntaxError with line and column on what cannot be read or evaluated.

        What the vendor's compiler only warns about (unknown names, wrong numbers of arguments) loads, denies when it
        is reached, and is listed in `warnings`; with `strict` it is refused too.
        """
        if len(text.encode()) > MAX_SOURCE_BYTES:
            raise RulesSyntaxError(f"the file is larger than {MAX_SOURCE_BYTES} bytes", 1, 1)
        file, warnings = _read(text)
        if strict and warnings:
            raise refuse(warnings[0][1], warnings[0][0])
        return Rules(text, file, warnings)

    def cover(self) -> Rules:
        """Begins to count what is asked and answered; answers itself."""
        self.coverage = Coverage()
        return self

    def allows(
        self,
        request: Request,
        read: Reader,
        *,
        read_after: Reader | None = None,
        batch: AccessBudget | None = None,
    ) -> Decision:
        """The verdict on one operation.

        `read` gives a stored document by relative path; `read_after` gives it as the whole commit will leave it
        (by default only this operation's own effect is seen); `batch` is the budget its operations share.
        """
        if request.method not in _VERBS:
            return Decision(False, [f"unknown method '{request.method}'"])
        documents = Documents(
            _overlaid(request, read, request.before),
            read_after or _overlaid(request, read, request.before if request.method == "get" else request.after),
            (AccessBudget(), batch) if batch else (AccessBudget(),),
        )
        decide = self._decide_list if request.method == "list" else self._decide_document
        try:
            decision = decide(request, documents)
        except EvaluationError as error:
            decision = Decision(False, [str(error)])
        decision.touched = documents.touched
        return decision

    def _decide_document(self, request: Request, documents: Documents) -> Decision:
        values: dict[str, object] = {
            "request": _request_map(request),
            "resource": resource_of(request.path, request.before),
        }
        return self._decide(request.method, Path.of_document(request.path).segments, values, documents)

    def _decide_list(self, request: Request, documents: Documents) -> Decision:
        query = request.query or Query()
        segments = _result_segments(request.path, query)
        decision = Decision(False, ["the query has no alternative"])
        for conjunction in alternatives(query):
            unknown = Failure(EvaluationError("a query does not know the ids of its results"))
            resource = {"data": known_data(conjunction), "id": unknown, "__name__": unknown}
            values: dict[str, object] = {"request": _request_map(request), "resource": resource}
            decision = self._decide("list", segments, values, documents)
            if not decision.allowed:
                break
        return decision

    def _decide(
        self, method: str, segments: Sequence[str], values: dict[str, object], documents: Documents
    ) -> Decision:
        outer = Frame({}, named(self.file.service_functions), Frame(values, named(self.file.functions)))
        reasons: list[str] = []
        for rule in self.rules:
            if not any(method in METHODS[verb] for verb in rule.allow.methods):
                continue
            bound = bindings(rule, segments, self.file.version)
            if bound is None:
                continue
            verdict, reason = _verdict(rule, frames(rule, bound, outer), documents, self.coverage)
            if self.coverage is not None:
                self.coverage.decided(rule.allow, method, verdict)
            if verdict == "granted":
                return Decision(True, [reason])
            reasons.append(reason)
        return Decision(False, reasons or ["no matching allow statements"])


@lru_cache(maxsize=64)
def _read(text: str) -> tuple[nodes.File, list[tuple[Span, str]]]:
    file = parse(text)
    return file, check(file)


def _verdict(rule: Rule, frame: Frame, documents: Documents, coverage: Coverage | None) -> tuple[str, str]:
    """granted, refused or error, and why."""
    at = rule.allow.at
    if rule.allow.condition is None:
        return "granted", f"allowed at {at}"
    try:
        value = Evaluator(documents, coverage).value(rule.allow.condition, frame)
    except EvaluationError as error:
        return "error", f"error in the allow at {at}: {error}"
    except Exception as error:  # whatever is wrong in here must not open a door
        _LOG.exception("the allow at %s could not be evaluated", at)
        return "error", f"the allow at {at} could not be evaluated: {type(error).__name__}"
    return ("granted", f"allowed at {at}") if value is True else ("refused", f"false for the allow at {at}")


def _overlaid(request: Request, read: Reader, own: dict[str, object] | None) -> Reader:
    if request.method == "list":
        return read
    return lambda path: own if path == request.path else read(path)


def _result_segments(path: str, query: Query) -> tuple[str, ...]:
    *parent, collection = (segment for segment in path.split("/") if segment)
    anywhere = (ANYWHERE,) if query.collection_group else ()
    return (*ROOT, *parent, *anywhere, collection, UNKNOWN)


def _request_map(request: Request) -> dict[str, object]:
    made: dict[str, object] = {
        "auth": _auth_map(request.auth),
        "method": request.method,
        "path": Path.of_document(request.path),
        "time": Timestamp.of(request.time),
    }
    if request.method in ("create", "update"):
        made["resource"] = resource_of(request.path, request.after or {})
    if request.method == "list":
        query = request.query or Query()
        made["query"] = {"limit": query.limit, "offset": query.offset, "orderBy": dict(query.order_by)}
    return made


def _auth_map(claims: dict[str, object] | None) -> dict[str, object] | None:
    if claims is None:
        return None
    values = to_map(claims)
    return {"uid": values.pop("uid", None), "token": values}

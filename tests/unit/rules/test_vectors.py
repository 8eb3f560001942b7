"""The evaluator against recorded verdicts: each line of vectors.jsonl is one expression, rules file or query.

`ev` says where a verdict comes from (P production's rules test API, J the vendor's emulator, L a live database,
D the documentation, I an issue, R recollection); `want` is ALLOW, DENY (false), ERROR (denied by an evaluation error)
or COMPILE (must not load).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.firestore.rules import Decision, Query, Request, Rules, RulesSyntaxError

VECTORS = [json.loads(line) for line in (Path(__file__).parent / "vectors.jsonl").read_text().splitlines()]
ANN = {"uid": "ann", "email": "ann@ex.org", "email_verified": True, "role": "user"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def wrapped(condition: str, collection: str) -> str:
    return (
        "rules_version = '2'; service cloud.firestore { match /databases/{database}/documents { "
        f"match /{collection}/{{id}} {{ allow read, write: if {condition}; }} }} }}"
    )


def source(vector: dict[str, Any]) -> str:
    if vector["k"] == "rules":
        return str(vector["src"])
    return wrapped(vector["src"], "n" if vector["k"] == "list" else "t")


def clauses(filters: dict[str, Any] | None) -> tuple[tuple[str, str, object], ...]:
    if filters is None:
        return ()
    parts = filters["filters"] if filters.get("op") == "AND" else [filters]
    return tuple((part["field"], part["op"], part["value"]) for part in parts)


def request(vector: dict[str, Any]) -> Request:
    auth = vector.get("auth", ANN)
    if vector["k"] == "list":
        asked = vector["query"]
        order = tuple(asked.get("orderBy", {}).items())
        query = Query((clauses(asked["f"]),), asked.get("limit"), asked.get("offset", 0), order, "group" in asked)
        return Request("list", asked["coll"], auth, NOW, query=query)
    path = vector.get("path", "t/d1")
    return Request(vector.get("m", "get"), path, auth, NOW, before=vector.get("res"), after=vector.get("new"))


def verdict(decision: Decision) -> str:
    if decision.allowed:
        return "ALLOW"
    return "ERROR" if any(reason.startswith("error") for reason in decision.reasons) else "DENY"


def decide(vector: dict[str, Any]) -> str:
    try:
        rules = Rules.load(source(vector))
    except RulesSyntaxError as error:
        return "COMPILE" if error.line >= 1 and error.column >= 1 else "COMPILE NOWHERE"
    return verdict(rules.allows(request(vector), vector.get("docs", {}).get))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['n']}: {vector['src'][-60:]}")
def test_the_verdict_is_the_recorded_one(vector: dict[str, Any]) -> None:
    assert decide(vector) == vector["want"]


def test_every_recorded_vector_is_here() -> None:
    assert [vector["n"] for vector in VECTORS] == list(range(1, 146))

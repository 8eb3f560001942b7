"""The recorded vectors again, this time as requests to a server: the rules are loaded into it, the caller has a token.

Against the vendor's emulator (FIRESTORE_CONFORMANCE_HOST) this shows which recorded verdicts that version shares.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules_matrix.conftest import Target
from tests.rules_matrix.wire import Wire, bearer
from tests.unit.rules.test_vectors import ANN, VECTORS, clauses, source

# Where version 1.19.9 of the vendor's emulator, tried here, differs from the recorded verdicts we follow.
EMULATOR_SAYS = {
    34: "DENY",  # get() of a missing document is an error before 1.21, null since
    91: "DENY",  # a map difference does not tell 1 from 1.0
    103: "DENY",  # `in` binds looser than `==`, against the documentation: the lint asks for parentheses
    110: "COMPILE",  # `1/0` without spaces does not parse
}


def ask(wire: Wire, vector: dict[str, Any]) -> str:
    path, method = vector.get("path", "t/d1"), vector.get("m", "get")
    if vector["k"] == "list":
        asked = vector["query"]
        order = tuple(asked.get("orderBy", {}).items())
        return wire.list(
            asked["coll"],
            limit=asked.get("limit"),
            offset=asked.get("offset", 0),
            where=clauses(asked["f"]),
            order=order,
            group="group" in asked,
        )
    if method == "get":
        return wire.get(path)
    return wire.delete(path) if method == "delete" else wire.set(path, vector["new"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['n']}: {vector['src'][-60:]}")
def test_the_server_gives_the_recorded_verdict(target: Target, vector: dict[str, Any]) -> None:
    want = EMULATOR_SAYS.get(vector["n"], vector["want"]) if target.vendors else vector["want"]
    if want == "COMPILE":
        with pytest.raises(ValueError, match=r"L?\d+:\d+"):
            target.load(source(vector))
        return
    target.load(source(vector))
    admin = target.admin()
    for path, fields in {vector.get("path", "t/d1"): vector.get("res"), **vector.get("docs", {})}.items():
        if fields is not None:
            admin.set(path, fields)
    claims = vector.get("auth", ANN)
    caller = target.wire(bearer({**claims, "sub": claims["uid"], "user_id": claims["uid"]}) if claims else None)
    assert ask(caller, vector) == ("ALLOW" if want == "ALLOW" else "DENY"), caller.detail

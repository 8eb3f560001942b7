"""What the rules were asked: the emulator's report, and the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.firestore.conftest import Service
from tests.conformance.firestore.wire import http_call, rest_path, token

RULES = """rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    function self(uid) { return request.auth != null && request.auth.uid == uid; }
    match /users/{uid} {
      allow get: if self(uid);
      allow create: if request.resource.data.missing == 1;
    }
  }
}
"""


@pytest.fixture
def covered(service: Service) -> Service:
    """Rules that were asked four times."""
    assert service.load_rules(RULES)[0] == 200
    for who in ("u", "v", None):
        headers = {"Authorization": f"Bearer {token(who)}"} if who else {}
        http_call(service.address, "GET", rest_path(service.project, "/users/u"), headers=headers)
    path = rest_path(service.project, "/users")
    http_call(
        service.address, "POST", f"{path}?documentId=u", {"fields": {}}, {"Authorization": f"Bearer {token('u')}"}
    )
    return service


def _report(service: Service) -> list[dict[str, Any]]:
    status, text = http_call(service.address, "GET", f"/emulator/v1/projects/{service.project}:ruleCoverage")
    assert status == 200
    body = json.loads(text)
    assert body["rules"]["files"][0]["content"] == RULES
    return list(body["report"])


def _expression(report: list[dict[str, Any]], text: str) -> dict[str, Any]:
    """The one expression with this source."""
    pending = list(report)
    while pending:
        tree = pending.pop()
        at = tree["sourcePosition"]
        # The emulator leaves a call's closing parenthesis out.
        if RULES[at["currentOffset"] : at["endOffset"] + 1].rstrip(")") == text.rstrip(")"):
            return tree
        pending += tree.get("children", [])
    raise AssertionError(f"{text} is not in the report")


def _booleans(tree: dict[str, Any]) -> dict[bool, int]:
    return {entry["value"]["boolValue"]: entry["count"] for entry in tree["values"] if "boolValue" in entry["value"]}


def test_each_expression_is_counted_by_what_it_answered(covered: Service) -> None:
    report = _report(covered)
    assert _booleans(_expression(report, "self(uid)")) == {True: 1, False: 2}
    assert _booleans(_expression(report, "request.auth != null")) == {True: 2, False: 1}
    assert _booleans(_expression(report, "request.auth.uid == uid")) == {True: 1, False: 1}
    assert _expression(report, "self(uid)")["sourcePosition"]["line"] == 6
    assert {"value": {}, "count": 1} in _expression(report, "request.auth.uid == uid")["values"]


def test_an_expression_without_a_value_says_why(covered: Service) -> None:
    [value] = _expression(_report(covered), "request.resource.data.missing == 1")["values"]
    assert "missing" in value["value"]["undefined"]["causeMessage"]


def test_the_page_tells_which_allow_was_decided_how(covered: Service, conformance_host: str | None) -> None:
    status, text = http_call(covered.address, "GET", f"/emulator/v1/projects/{covered.project}:ruleCoverage.html")
    assert status == 200
    if conformance_host is None:
        assert "<td>L6:7</td><td>get</td><td>get 1</td><td>get 2</td><td>none</td>" in text
        assert "<td>L7:7</td><td>create</td><td>none</td><td>none</td><td>create 1</td>" in text
        assert "1 of 2 allows have granted something" in text

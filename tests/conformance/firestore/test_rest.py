"""REST as the web SDK and plain HTTP clients use it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.firestore.conftest import Service
from tests.conformance.firestore.wire import http_call, rest_path

OWNER = {"Authorization": "Bearer owner"}


def call(service: Service, method: str, tail: str, body: Any = None) -> tuple[int, Any]:
    status, text = http_call(service.address, method, rest_path(service.project, tail), body, OWNER)
    return status, json.loads(text)


def test_batch_get_answers_with_one_array(service: Service, client: Any) -> None:
    client.document("c/a").set({"n": 1})
    names = [f"{service.root}/c/gone", f"{service.root}/c/a"]
    status, answers = call(service, "POST", ":batchGet", {"documents": names})
    assert status == 200
    found = [answer["found"]["fields"] for answer in answers if "found" in answer]
    assert found == [{"n": {"integerValue": "1"}}]
    assert [answer["missing"] for answer in answers if "missing" in answer] == names[:1]


def test_commit_takes_transforms_preconditions_and_odd_names(service: Service, client: Any) -> None:
    name = f"{service.root}/c/so!@#$%^&*()_+"
    write = {
        "update": {"name": name, "fields": {"n": {"integerValue": "1"}}},
        "updateTransforms": [{"fieldPath": "n", "increment": {"integerValue": "4"}}],
        "currentDocument": {"exists": False},
    }
    status, answer = call(service, "POST", ":commit", {"writes": [write]})
    assert (status, answer["writeResults"][0]["transformResults"]) == (200, [{"integerValue": "5"}])
    status, answer = call(service, "POST", ":commit", {"writes": [write]})
    assert (status, answer["error"]["status"]) == (409, "ALREADY_EXISTS")
    assert client.collection("c").document("so!@#$%^&*()_+").get().to_dict() == {"n": 5}


def test_an_empty_mask_changes_only_by_transforms(service: Service, client: Any) -> None:
    client.document("c/a").set({"keep": 1})
    write = {
        "update": {"name": f"{service.root}/c/a"},
        "updateMask": {"fieldPaths": []},
        "updateTransforms": [{"fieldPath": "n", "increment": {"integerValue": "1"}}],
    }
    assert call(service, "POST", ":commit", {"writes": [write]})[0] == 200
    assert client.document("c/a").get().to_dict() == {"keep": 1, "n": 1}


def test_a_query_below_a_document_and_an_aggregation(service: Service, client: Any) -> None:
    client.document("users/u/posts/p").set({"n": 2})
    query = {"from": [{"collectionId": "posts"}], "limit": 5}
    status, answers = call(service, "POST", "/users/u:runQuery", {"structuredQuery": query})
    assert (status, answers[0]["document"]["name"]) == (200, f"{service.root}/users/u/posts/p")
    counting = {"structuredQuery": query, "aggregations": [{"alias": "c", "count": {}}]}
    status, answers = call(service, "POST", "/users/u:runAggregationQuery", {"structuredAggregationQuery": counting})
    assert (status, answers[0]["result"]["aggregateFields"]) == (200, {"c": {"integerValue": "1"}})


def test_documents_are_created_read_patched_listed_and_deleted(service: Service) -> None:
    body = {"fields": {"n": {"integerValue": "1"}, "m": {"doubleValue": 0.5}}}
    path = rest_path(service.project, "/c") + "?documentId=b"
    status, text = http_call(service.address, "POST", path, body, OWNER)
    assert (status, json.loads(text)["fields"]) == (200, body["fields"])
    path = rest_path(service.project, "/c/b") + "?updateMask.fieldPaths=n"
    status, text = http_call(service.address, "PATCH", path, {"fields": {"n": {"integerValue": "2"}}}, OWNER)
    assert json.loads(text)["fields"] == {"n": {"integerValue": "2"}, "m": {"doubleValue": 0.5}}
    assert call(service, "GET", "/c/b")[1]["fields"]["n"] == {"integerValue": "2"}
    assert "c/b" in json.dumps(call(service, "GET", "/c")[1])
    assert call(service, "DELETE", "/c/b")[0] == 200
    assert call(service, "GET", "/c/b")[1]["error"]["status"] == "NOT_FOUND"


def test_verify_checks_a_document_without_writing_it(service: Service, client: Any) -> None:
    written = client.document("c/a").set({"n": 1})
    good = {"verify": f"{service.root}/c/a", "currentDocument": {"updateTime": written.update_time.rfc3339()}}
    assert call(service, "POST", ":commit", {"writes": [good]})[0] == 200
    bad = {"verify": f"{service.root}/c/a", "currentDocument": {"exists": False}}
    assert call(service, "POST", ":commit", {"writes": [bad]})[0] in {400, 409}


@pytest.mark.parametrize("body", ["{", "[]", '{"writes": 3}', '{"writes": [{"update": {"fields": {"a": {"x": 1}}}}]}'])
def test_malformed_bodies_are_refused(service: Service, body: str) -> None:
    status, answer = call(service, "POST", ":commit", body)
    assert (status, "INVALID_ARGUMENT" in json.dumps(answer)) == (400, True)


def test_everything_is_cleared(service: Service, client: Any) -> None:
    client.document("c/a").set({"n": 1})
    path = f"/emulator/v1/projects/{service.project}/databases/(default)/documents"
    assert http_call(service.address, "DELETE", path)[0] == 200
    assert not client.document("c/a").get().exists


def test_the_root_says_ok(service: Service) -> None:
    assert http_call(service.address, "GET", "/")[1].strip() == "Ok"

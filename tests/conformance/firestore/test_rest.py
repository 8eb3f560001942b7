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


BAD_VALUES = [
    {"bytesValue": "!!!"}, {"bytesValue": "AP8=\n"}, {"bytesValue": "A"}, {"bytesValue": 1}, {"doubleValue": True},
    {"doubleValue": "abc"}, {"integerValue": True}, {"integerValue": 1.5}, {"integerValue": "9223372036854775808"},
    {"nullValue": False}, {"nullValue": "foo"}, {"arrayValue": []}, {"arrayValue": {"values": [None]}},
    {"mapValue": {"fields": []}}, {"mapValue": {"fields": {"deep": {"arrayValue": {"values": [{"bytesValue": "?"}]}}}}},
    {"integerValue": "1", "stringValue": "a"}, {"integerValue": "1", "foo": 2}, {"funValue": 1}, {}, None, 5,
    {"timestampValue": 1}, {"timestampValue": "yesterday"}, {"geoPointValue": {"latitude": 91}},
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_VALUES, ids=str)
def test_a_value_of_the_wrong_shape_is_refused(service: Service, value: Any) -> None:
    status, answer = call(service, "PATCH", "/c/a", {"fields": {"x": value}})
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert call(service, "GET", "/c/a")[0] == 404


GOOD_VALUES = [
    ({"bytesValue": "AP8"}, {"bytesValue": "AP8="}),
    ({"bytesValue": "_-8="}, {"bytesValue": "/+8="}),
    ({"bytesValue": ""}, {"bytesValue": ""}),
    ({"integerValue": 5}, {"integerValue": "5"}),
    ({"integerValue": 5.0}, {"integerValue": "5"}),
    ({"integer_value": "7"}, {"integerValue": "7"}),
    ({"doubleValue": "1.5"}, {"doubleValue": 1.5}),
    ({"doubleValue": "-Infinity"}, {"doubleValue": "-Infinity"}),
    ({"nullValue": "NULL_VALUE"}, {"nullValue": None}),
    ({"arrayValue": {}}, {"arrayValue": {}}),
    ({"arrayValue": {"values": None}}, {"arrayValue": {}}),
    ({"mapValue": {"fields": {}}}, {"mapValue": {}}),
    ({"geoPointValue": {"latitude": 1}}, {"geoPointValue": {"latitude": 1.0}}),
    ({"timestampValue": "2020-01-01T00:00:00+02:00"}, {"timestampValue": "2019-12-31T22:00:00Z"}),
]


@pytest.mark.parametrize(("written", "read"), GOOD_VALUES, ids=str)
def test_a_value_in_another_spelling_is_taken(service: Service, written: Any, read: Any) -> None:
    assert call(service, "PATCH", "/c/a", {"fields": {"x": written}})[0] == 200
    assert call(service, "GET", "/c/a")[1]["fields"] == {"x": read}


def test_an_empty_document_has_no_fields(service: Service) -> None:
    assert call(service, "PATCH", "/c/a", {})[0] == 200
    assert sorted(call(service, "GET", "/c/a")[1]) == ["createTime", "name", "updateTime"]


UNKNOWN = [
    ("PATCH", "/c/a", {"fields": {}, "nonsense": 1}),
    ("POST", ":commit", {"writes": [], "nonsense": 1}),
    ("POST", ":commit", {"writes": [{"delete": "x", "nonsense": 1}]}),
    ("POST", ":commit", {"writes": {}}),
    ("POST", ":commit", {"writes": [None]}),
    ("POST", ":commit", {"writes": [], "transaction": "!"}),
    ("POST", ":runQuery", {"structuredQuery": {"from": [{"collectionId": "c"}], "nonsense": 1}}),
    ("POST", ":beginTransaction", {"options": {"nonsense": {}}}),
    ("POST", ":batchGet", {"documents": [], "mask": ["a"]}),
    ("POST", ":batchGet", {"documents": [5]}),
    ("GET", "/c/", None),
]


@pytest.mark.parametrize(("method", "tail", "body"), UNKNOWN, ids=str)
def test_what_the_method_does_not_know_is_refused(service: Service, method: str, tail: str, body: Any) -> None:
    status, answer = call(service, method, tail, body)
    error = (answer[0] if isinstance(answer, list) else answer)["error"]
    assert (status, error["status"]) == (400, "INVALID_ARGUMENT")


def test_parameters_are_taken_in_both_spellings(service: Service, client: Any) -> None:
    fields = {"x": {"integerValue": "1"}, "y": {"integerValue": "1"}}
    http = (service.address, "PATCH", rest_path(service.project, "/c/a"))
    for query in ("updateMask.fieldPaths=x", "update_mask.field_paths=x"):
        assert http_call(http[0], http[1], f"{http[2]}?{query}", {"fields": fields}, OWNER)[0] == 200
        assert client.document("c/a").get().to_dict() == {"x": 1}
    for query in ("currentDocument.exists=true", "current_document.exists=TRUE"):
        missing = rest_path(service.project, "/c/missing")
        assert http_call(service.address, "PATCH", f"{missing}?{query}", {"fields": fields}, OWNER)[0] == 404


@pytest.mark.ours_only("the emulator takes every word but `true` for false")
def test_a_truth_that_is_none_is_refused(service: Service) -> None:
    for tail, query in (("/c/a", "currentDocument.exists=maybe"), ("/c", "showMissing=maybe")):
        method = "PATCH" if tail == "/c/a" else "GET"
        path = f"{rest_path(service.project, tail)}?{query}"
        status, text = http_call(service.address, method, path, {} if method == "PATCH" else None, OWNER)
        assert (status, json.loads(text)["error"]["status"]) == (400, "INVALID_ARGUMENT")

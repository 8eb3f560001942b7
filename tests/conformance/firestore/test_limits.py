"""The documented limits and refusals at their edges: one step inside is taken, one step outside is refused by code."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore

from tests.conformance.firestore.conftest import Service
from tests.conformance.firestore.wire import http_call, rest_path

OWNER = {"Authorization": "Bearer owner"}
INVALID = (400, "INVALID_ARGUMENT")


def _call(service: Service, method: str, tail: str, body: Any = None, query: str = "") -> tuple[int, Any]:
    """HTTP status, and the error's code or the answer."""
    path = rest_path(service.project, tail) + query
    status, text = http_call(service.address, method, path, body, OWNER)
    answer = json.loads(text)
    answer = answer[0] if isinstance(answer, list) and answer else answer
    return status, answer["error"]["status"] if "error" in answer else answer


def _write(service: Service, write: dict[str, Any]) -> tuple[int, Any]:
    return _call(service, "POST", ":commit", {"writes": [write]})


def _set(service: Service, path: str, fields: dict[str, Any] | None = None) -> int:
    return _write(service, {"update": {"name": f"{service.root}/{path}", "fields": fields or {}}})[0]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("c/" + "x" * 1500, 200),
        ("c/" + "x" * 1501, 400),
        ("c/" + "é" * 750, 200),
        ("c/" + "é" * 751, 400),
        ("x" * 1500 + "/d", 200),
        ("x" * 1501 + "/d", 400),
        ("c/.", 400),
        ("c/..", 400),
        ("c/...", 200),
        ("c/__x__", 400),
        ("__x__/d", 400),
        ("c/____", 200),
        ("c/__x", 200),
        ("c/__id7__", 200),
        ("c/__id-9223372036854775808__", 200),
        ("c/__id9223372036854775808__", 400),
        ("c/__id0__", 400),
        ("c/__id07__", 400),
        ("c/__id\u0667__", 400),
        ("__id7__/d", 400),
        ("c/ !\"#$%&'()*+,-:;<=>?@[]^_`{|}~", 200),
        ("/".join(["a"] * 200), 200),
        ("/".join(["a"] * 202), 400),
        ("c", 400),
        ("c/d/e", 400),
        ("c//e/f", 400),
    ],
)
def test_ids_and_paths(service: Service, path: str, status: int) -> None:
    assert _set(service, path) == status


@pytest.mark.parametrize(
    ("name", "status"),
    [("x" * 1500, 200), ("x" * 1501, 400), ("", 400), ("__x__", 400), ("____", 200), ("a.b", 200), ("é `\\", 200)],
)
def test_field_names(service: Service, name: str, status: int) -> None:
    assert _set(service, "c/d", {name: {"integerValue": "1"}}) == status


@pytest.mark.parametrize(("depth", "status"), [(20, 200), (21, 400), (90, 400)])
def test_maps_nest_twenty_deep(service: Service, depth: int, status: int) -> None:
    value: dict[str, Any] = {"integerValue": "1"}
    for _ in range(depth):
        value = {"mapValue": {"fields": {"m": value}}}
    assert _set(service, "c/d", {"m": value}) == status


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"stringValue": "x" * 1_048_487}, 200),
        ({"stringValue": "x" * 1_048_488}, 400),
        ({"stringValue": "é" * 524_244}, 400),
        ({"bytesValue": "A" * 1_397_983}, 200),
        ({"bytesValue": "A" * 1_397_984}, 400),
        ({"mapValue": {"fields": {"m": {"stringValue": "x" * 1_048_488}}}}, 400),
        ({"arrayValue": {"values": [{"stringValue": "x" * 700_000}, {"stringValue": "x" * 348_490}]}}, 200),
    ],
    ids=["text", "longer text", "text of two bytes", "bytes", "longer bytes", "in a map", "together"],
)
def test_a_value_has_89_bytes_less_than_a_document(service: Service, value: dict[str, Any], status: int) -> None:
    assert _set(service, "c/d", {"f": value}) == status


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 400)])
def test_a_map_and_an_array_weigh_what_is_in_them(service: Service, more: int, status: int) -> None:
    text = {"stringValue": "x" * 500_000}
    document = 32 + (16 + 2 + 2)  # and its name, c/d
    a_map, an_array = 2 + (2 + 500_001), 2 + 1
    rest = {"stringValue": "x" * (1_048_576 - document - a_map - an_array + more)}
    fields = {"m": {"mapValue": {"fields": {"a": text}}}, "l": {"arrayValue": {"values": [rest]}}}
    assert _set(service, "c/d", fields) == status


def test_times_are_kept_in_microseconds_rounded_down(service: Service, client: Any) -> None:
    assert _set(service, "c/d", {"t": {"timestampValue": "2026-11-21T00:00:00.123456789Z"}}) == 200
    assert client.document("c/d").get().get("t") == datetime(2026, 11, 21, microsecond=123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "write",
    [
        {"delete": "{root}/c/d", "updateMask": {"fieldPaths": ["a"]}},
        {"transform": {"document": "{root}/c/d", "fieldTransforms": []}},
        {"update": {"name": "{root}/c/d"}, "updateMask": {"fieldPaths": ["a-b"]}},
        {"transform": {"document": "{root}/c/d", "fieldTransforms": [{"fieldPath": "n", "setToServerValue": 0}]}},
        {"transform": {"document": "{root}/c/d", "fieldTransforms": [{"fieldPath": "n", "maximum": {"nullValue": 0}}]}},
    ],
)  # fmt: skip
def test_a_write_without_sense_is_refused(service: Service, write: dict[str, Any]) -> None:
    assert _write(service, json.loads(json.dumps(write).replace("{root}", service.root))) == INVALID


def test_a_created_document_is_named_by_its_call(service: Service) -> None:
    named = {"name": f"{service.root}/c/other", "fields": {}}
    assert _call(service, "POST", "/c", named, "?documentId=d") == INVALID
    assert _call(service, "POST", "/c", {"fields": {}}, "?documentId=d")[0] == 200
    assert _call(service, "POST", "/c", {"fields": {}}, "?documentId=d") == (409, "ALREADY_EXISTS")
    assert _call(service, "POST", "/c", {"fields": {}}, "?documentId=__x__") == INVALID


def test_one_value_that_cannot_be_stored_refuses_the_whole_batch(service: Service, client: Any) -> None:
    bad = {"f": {"geoPointValue": {"latitude": 91, "longitude": 0}}}
    writes = [
        {"update": {"name": f"{service.root}/c/good"}},
        {"update": {"name": f"{service.root}/c/bad", "fields": bad}},
    ]
    assert _call(service, "POST", ":batchWrite", {"writes": writes}) == INVALID
    assert not client.document("c/good").get().exists


def test_pages_of_documents_miss_and_double_nothing(service: Service, client: Any) -> None:
    batch = client.batch()
    for number in range(25):
        batch.set(client.document(f"c/d{number:02}"), {"n": number})
    batch.commit()
    seen, token = [], ""
    while True:
        _, page = _call(service, "GET", "/c", None, f"?pageSize=7&pageToken={token}")
        seen += [document["name"].rpartition("/")[2] for document in page["documents"]]
        if not (token := page.get("nextPageToken", "")):
            break
    assert seen == [f"d{number:02}" for number in range(25)]
    assert _call(service, "GET", "/c", None, "?pageSize=-1") == INVALID
    assert _call(service, "GET", "/c", None, "?pageToken=nonsense") == INVALID


def test_a_rollback_of_what_never_was_is_refused_and_of_what_has_ended_is_not(service: Service) -> None:
    _, begun = _call(service, "POST", ":beginTransaction", {})
    assert _call(service, "POST", ":rollback", {"transaction": begun["transaction"]})[0] == 200
    assert _call(service, "POST", ":rollback", {"transaction": begun["transaction"]})[0] == 200
    assert _call(service, "POST", ":rollback", {"transaction": "AAAA"}) == INVALID
    committed = {"writes": [], "transaction": begun["transaction"]}
    assert _call(service, "POST", ":commit", committed) == INVALID


@pytest.mark.parametrize(("op", "most"), [("in", 30), ("not-in", 10), ("array_contains_any", 30)])
def test_lists_of_filters_have_a_limit(client: Any, op: str, most: int) -> None:
    wanted = firestore.FieldFilter("n", op, list(range(most)))
    assert list(client.collection("c").where(filter=wanted).stream()) == []
    too_many = firestore.FieldFilter("n", op, list(range(most + 1)))
    with pytest.raises(exceptions.InvalidArgument):
        list(client.collection("c").where(filter=too_many).stream())


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"fieldFilter": {"field": {"fieldPath": "x"}, "op": "EQUAL"}},
        {"fieldFilter": {"field": {"fieldPath": "x"}, "value": {"integerValue": "1"}}},
        {"unaryFilter": {"field": {"fieldPath": "x"}}},
        {"compositeFilter": {"op": "AND", "filters": [{}]}},
        {"compositeFilter": {"filters": [{"unaryFilter": {"op": "IS_NULL", "field": {"fieldPath": "x"}}}]}},
    ],
    ids=str,
)
def test_a_filter_that_is_none_is_refused(service: Service, where: dict[str, Any]) -> None:
    query = {"structuredQuery": {"from": [{"collectionId": "c"}], "where": where}}
    assert _call(service, "POST", ":runQuery", query) == INVALID


@pytest.mark.parametrize(
    "aggregations",
    [
        [],
        [{}],
        [{"alias": "__x__", "count": {}}],
        [{"alias": "a", "count": {}}, {"alias": "a", "count": {}}],
        [{"sum": {}}],
        [{"avg": {"field": {"fieldPath": "__name__"}}}],
        [{"count": {"upTo": "-1"}}],
    ],
    ids=str,
)
def test_an_aggregation_that_is_none_is_refused(service: Service, aggregations: list[Any]) -> None:
    query = {"structuredQuery": {"from": [{"collectionId": "c"}]}, "aggregations": aggregations}
    assert _call(service, "POST", ":runAggregationQuery", {"structuredAggregationQuery": query}) == INVALID


@pytest.mark.ours_only("the emulator does not count transforms")
@pytest.mark.parametrize(("counts", "status"), [([500], 200), ([501], 400), ([250, 250], 200), ([250, 251], 400)])
def test_a_document_takes_500_transforms_in_a_commit(service: Service, counts: list[int], status: int) -> None:
    name = f"{service.root}/c/d"
    writes = [
        {"update": {"name": name}, "updateMask": {}, "updateTransforms": _increments(f"f{number}_", count)}
        for number, count in enumerate(counts)
    ]
    assert _call(service, "POST", ":commit", {"writes": writes})[0] == status


def _increments(prefix: str, count: int) -> list[dict[str, Any]]:
    return [{"fieldPath": f"{prefix}{number}", "increment": {"integerValue": "1"}} for number in range(count)]


def test_a_bulk_write_names_a_document_once(service: Service) -> None:
    write = {"update": {"name": f"{service.root}/c/d"}}
    assert _call(service, "POST", ":batchWrite", {"writes": [write, write]}) == INVALID
    assert _call(service, "POST", ":commit", {"writes": [write, write]})[0] == 200


def test_collections_are_listed_in_pages(service: Service, client: Any) -> None:
    for name in "abcde":
        client.document(f"{name}/d").set({})
    _, page = _call(service, "POST", ":listCollectionIds", {"pageSize": 3})
    _, rest = _call(service, "POST", ":listCollectionIds", {"pageSize": 3, "pageToken": page["nextPageToken"]})
    assert (page["collectionIds"], rest["collectionIds"]) == (["a", "b", "c"], ["d", "e"])
    assert "nextPageToken" not in rest
    assert _call(service, "POST", ":listCollectionIds", {"pageSize": -1}) == INVALID

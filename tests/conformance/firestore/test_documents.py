"""Writes and reads of single documents: preconditions, transforms, masks, times, limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore


def test_a_document_comes_back_as_it_was_written(client: Any) -> None:
    content = {
        "null": None, "yes": True, "int": 2**62, "float": -1.5, "text": "zürich 😀", "bytes": b"\x00\xff",
        "time": datetime(2026, 11, 20, 1, 2, 3, 456789, tzinfo=UTC), "point": firestore.GeoPoint(1.5, -2.5),
        "list": [1, "a", {"b": [None]}], "map": {"a.b": {"`": 1}},
        "empty list": [], "empty map": {},
    }  # fmt: skip
    client.document("all/kinds").set(content)
    assert client.document("all/kinds").get().to_dict() == content


def test_create_refuses_an_existing_document(client: Any) -> None:
    client.document("a/b").create({"n": 1})
    with pytest.raises(exceptions.AlreadyExists, match="already exists"):
        client.document("a/b").create({"n": 2})
    assert client.document("a/b").get().to_dict() == {"n": 1}


def test_update_refuses_a_missing_document(client: Any) -> None:
    with pytest.raises(exceptions.NotFound, match=r"(?i)no (document|entity) to update"):
        client.document("a/b").update({"n": 1})
    assert not client.document("a/b").get().exists


def test_a_wrong_update_time_refuses_the_whole_commit(client: Any) -> None:
    first = client.document("a/b").set({"n": 1})
    client.document("a/b").set({"n": 2})
    batch = client.batch()
    batch.set(client.document("a/other"), {"n": 3})
    batch.update(client.document("a/b"), {"n": 4}, option=client.write_option(last_update_time=first.update_time))
    with pytest.raises(exceptions.FailedPrecondition):
        batch.commit()
    assert client.document("a/b").get().to_dict() == {"n": 2}
    assert not client.document("a/other").get().exists


def test_the_right_update_time_lets_a_write_through(client: Any) -> None:
    written = client.document("a/b").set({"n": 1})
    option = client.write_option(last_update_time=written.update_time)
    client.document("a/b").update({"n": 2}, option=option)
    assert client.document("a/b").get().to_dict() == {"n": 2}


def test_deleting_a_missing_document_is_no_error_unless_it_must_exist(client: Any) -> None:
    client.document("a/b").delete()
    with pytest.raises(exceptions.NotFound):
        client.document("a/b").delete(option=client.write_option(exists=True))


def test_later_writes_of_a_commit_see_earlier_ones(client: Any) -> None:
    reference = client.document("a/b")
    batch = client.batch()
    batch.set(reference, {"n": 1, "list": ["x"]})
    batch.update(reference, {"n": firestore.Increment(5), "list": firestore.ArrayUnion(["x", "y"])})
    batch.commit()
    assert reference.get().to_dict() == {"n": 6, "list": ["x", "y"]}


def test_a_write_that_changes_nothing_keeps_the_update_time(client: Any) -> None:
    first = client.document("a/b").set({"n": 1, "m": {"x": [1]}})
    again = client.document("a/b").set({"m": {"x": [1]}, "n": 1})
    assert again.update_time == first.update_time
    assert client.document("a/b").get().update_time == first.update_time


def test_update_times_only_grow(client: Any) -> None:
    times = [client.document(f"a/{number % 3}").set({"n": number}).update_time for number in range(30)]
    assert times == sorted(set(times))


def test_create_time_stays_and_begins_anew_after_a_delete(client: Any) -> None:
    reference = client.document("a/b")
    reference.set({"n": 1})
    created = reference.get().create_time
    reference.set({"n": 2})
    assert reference.get().create_time == created
    reference.delete()
    reference.set({"n": 2})
    assert reference.get().create_time > created


def test_merge_changes_only_what_it_names(client: Any) -> None:
    reference = client.document("a/b")
    reference.set({"keep": 1, "map": {"a": 1, "b": 2}})
    reference.set({"map": {"b": 3, "c": 4}}, merge=True)
    assert reference.get().to_dict() == {"keep": 1, "map": {"a": 1, "b": 3, "c": 4}}
    reference.update({"map.a": firestore.DELETE_FIELD, "`odd.name`": "x"})
    assert reference.get().to_dict() == {"keep": 1, "map": {"b": 3, "c": 4}, "odd.name": "x"}


def test_merge_creates_a_missing_document(client: Any) -> None:
    client.document("a/b").set({"n": 1}, merge=True)
    assert client.document("a/b").get().to_dict() == {"n": 1}


@pytest.mark.parametrize(
    ("old", "transform", "new"),
    [
        (1, firestore.Increment(2), 3),
        (2**63 - 2, firestore.Increment(5), 2**63 - 1),
        (-(2**63) + 2, firestore.Increment(-5), -(2**63)),
        (1, firestore.Increment(0.5), 1.5),
        ("text", firestore.Increment(2), 2),
        (5, firestore.Maximum(7), 7),
        (5, firestore.Maximum(5.0), 5),
        (5, firestore.Minimum(2.5), 2.5),
        ("text", firestore.Minimum(2), 2),
        ([1, 2], firestore.ArrayUnion([2, 3, 3]), [1, 2, 3]),
        ("text", firestore.ArrayUnion([1]), [1]),
        ([1, 2, 1.0, "1"], firestore.ArrayRemove([1]), [2, "1"]),
        ("text", firestore.ArrayRemove([1]), []),
    ],
)
def test_transforms_work_on_the_stored_value(client: Any, old: Any, transform: Any, new: Any) -> None:
    client.document("a/b").set({"f": old})
    client.document("a/b").update({"f": transform})
    found = client.document("a/b").get().to_dict()["f"]
    assert (found, type(found)) == (new, type(new))


def test_server_timestamps_of_a_commit_are_equal_and_in_milliseconds(client: Any) -> None:
    batch = client.batch()
    batch.set(client.document("a/b"), {"t": firestore.SERVER_TIMESTAMP, "u": firestore.SERVER_TIMESTAMP})
    batch.set(client.document("a/c"), {"t": firestore.SERVER_TIMESTAMP})
    batch.commit()
    first, second = client.document("a/b").get().to_dict(), client.document("a/c").get().to_dict()
    assert first["t"] == first["u"] == second["t"]
    assert first["t"].microsecond % 1000 == 0
    assert abs(datetime.now(UTC) - first["t"]) < timedelta(minutes=1)


def test_many_documents_are_read_at_once_missing_ones_too(client: Any) -> None:
    client.document("a/1").set({"n": 1})
    client.document("a/3").set({"n": 3})
    found = client.get_all([client.document(f"a/{number}") for number in (1, 2, 3)], field_paths=["n"])
    assert {each.id: each.to_dict() for each in found} == {"1": {"n": 1}, "2": None, "3": {"n": 3}}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a/__reserved__", {"n": 1}),
        ("a/..", {"n": 1}),
        ("a/" + "x" * 1501, {"n": 1}),
        ("a/big", {"text": "x" * 1_048_577}),
        ("a/b", {"list": [[1]]}),
        ("a/b", {"__reserved__": 1}),
        ("a/b", {"x" * 1501: 1}),
    ],
)
def test_what_the_service_would_not_store_is_refused(client: Any, path: str, content: dict[str, Any]) -> None:
    reference = client.collection("a").document(path.partition("/")[2])
    with pytest.raises(exceptions.InvalidArgument):
        reference.set(content)


def test_maps_may_be_nested_twenty_deep_but_not_deeper(client: Any) -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"leaf": 1} if depth == 0 else {"m": nested(depth - 1)}

    client.document("a/deep").set(nested(19))
    with pytest.raises(exceptions.InvalidArgument):
        client.document("a/too-deep").set(nested(21))


def test_a_request_beyond_ten_megabytes_is_refused(client: Any) -> None:
    batch = client.batch()
    for number in range(12):
        batch.set(client.document(f"a/{number}"), {"text": "x" * 1_000_000})
    # The vendor's emulator refuses it one layer below, by gRPC's message size.
    with pytest.raises((exceptions.InvalidArgument, exceptions.ResourceExhausted)):
        batch.commit(retry=None)
    assert not client.document("a/0").get().exists


def test_a_bulk_write_reports_each_write_on_its_own(client: Any) -> None:
    client.document("a/there").set({"n": 1})
    writer = client.bulk_writer()
    problems = []
    writer.on_write_error(lambda problem, _writer: problems.append(problem.code) and False)
    writer.create(client.document("a/there"), {"n": 2})
    writer.create(client.document("a/new"), {"n": 2})
    writer.close()
    assert problems == [6]
    assert client.document("a/new").get().exists


def test_collections_and_missing_parents_are_listed(client: Any) -> None:
    client.document("users/u1/months/2026-11").set({"n": 1})
    client.document("users/u2").set({"n": 1})
    client.document("plain/doc").set({"n": 1})
    assert [each.id for each in client.collections()] == ["plain", "users"]
    assert [each.id for each in client.document("users/u1").collections()] == ["months"]
    assert sorted(each.id for each in client.collection("users").list_documents()) == ["u1", "u2"]


def test_a_whole_tree_is_deleted(client: Any) -> None:
    for path in ("t/1", "t/1/below/a", "t/2/below/b", "other/1"):
        client.document(path).set({"n": 1})
    assert client.recursive_delete(client.collection("t")) == 3
    assert [each.id for each in client.collections()] == ["other"]

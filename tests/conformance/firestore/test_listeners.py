"""Listeners of the admin client: every commit is one consistent snapshot, nothing is missed or told twice."""

from __future__ import annotations

from typing import Any

from google.cloud.firestore_v1.base_query import FieldFilter


def test_a_query_listener_sees_what_comes_changes_and_goes(client: Any, listen: Any) -> None:
    collection = client.collection("c")
    collection.document("a").set({"n": 1})
    collection.document("x").set({"n": 0})
    events = listen(collection.where(filter=FieldFilter("n", ">", 0)).order_by("n"))
    assert events.next() == (["a"], [("ADDED", "a")])
    collection.document("b").set({"n": 5})
    assert events.next() == (["a", "b"], [("ADDED", "b")])
    collection.document("a").set({"n": 9})
    assert events.next() == (["b", "a"], [("MODIFIED", "a")])
    collection.document("b").set({"n": -1})
    assert events.next() == (["a"], [("REMOVED", "b")])
    collection.document("a").delete()
    assert events.next() == ([], [("REMOVED", "a")])


def test_a_commit_is_one_snapshot(client: Any, listen: Any) -> None:
    collection = client.collection("c")
    events = listen(collection.order_by("n"))
    assert events.next()[0] == []
    batch = client.batch()
    for number in range(5):
        batch.set(collection.document(f"d{number}"), {"n": number})
    batch.commit()
    assert events.next()[0] == ["d0", "d1", "d2", "d3", "d4"]


def test_a_limited_query_keeps_its_window(client: Any, listen: Any) -> None:
    collection = client.collection("c")
    for number in range(1, 7):
        collection.document(f"d{number}").set({"n": number})
    events = listen(collection.order_by("n").limit(3))
    assert events.next()[0] == ["d1", "d2", "d3"]
    collection.document("d0").set({"n": 0})
    ids, changes = events.next()
    assert (ids, sorted(changes)) == (["d0", "d1", "d2"], [("ADDED", "d0"), ("REMOVED", "d3")])
    collection.document("d1").delete()
    ids, changes = events.next()
    assert (ids, sorted(changes)) == (["d0", "d2", "d3"], [("ADDED", "d3"), ("REMOVED", "d1")])
    collection.document("d6").set({"n": 2.5})
    ids, changes = events.next()
    assert (ids, sorted(changes)) == (["d0", "d2", "d6"], [("ADDED", "d6"), ("REMOVED", "d3")])


def test_a_change_outside_the_query_is_not_told(client: Any, listen: Any) -> None:
    collection = client.collection("c")
    events = listen(collection.where(filter=FieldFilter("n", "==", 1)))
    assert events.next()[0] == []
    collection.document("no").set({"n": 2})
    client.document("other/a").set({"n": 1})
    client.document("c/no/c/below").set({"n": 1})
    collection.document("yes").set({"n": 1})
    assert events.next() == (["yes"], [("ADDED", "yes")])


def test_a_document_listener_follows_one_document(client: Any, listen: Any) -> None:
    reference = client.document("c/a")
    events = listen(reference)
    reference.set({"n": 1})
    events.until(["a"])
    client.document("c/b").set({"n": 1})
    reference.update({"n": 2})
    assert events.next()[1] == [("MODIFIED", "a")]
    reference.delete()
    assert events.next()[1] == [("REMOVED", "a")]


def test_a_group_listener_follows_all_collections_of_that_name(client: Any, listen: Any) -> None:
    events = listen(client.collection_group("posts"))
    assert events.next()[0] == []
    client.document("users/u/posts/p").set({"n": 1})
    assert events.next()[1] == [("ADDED", "p")]
    client.document("posts/q").set({"n": 1})
    assert events.next()[1] == [("ADDED", "q")]


def test_a_write_that_changes_nothing_wakes_nobody(client: Any, listen: Any) -> None:
    reference = client.document("c/a")
    reference.set({"n": 1})
    events = listen(client.collection("c"))
    assert events.next()[1] == [("ADDED", "a")]
    reference.set({"n": 1})
    reference.set({"n": 2})
    assert events.next()[1] == [("MODIFIED", "a")]


def test_many_listeners_of_one_query_all_hear(client: Any, listen: Any) -> None:
    collection = client.collection("c")
    all_events = [listen(collection.order_by("n").limit(2)) for _ in range(8)]
    for events in all_events:
        assert events.next()[0] == []
    collection.document("a").set({"n": 1})
    for events in all_events:
        assert events.next()[1] == [("ADDED", "a")]

"""Queries: order across types, filters, cursors, limits, groups, projections, aggregations."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import And, FieldFilter, Or
from google.cloud.firestore_v1.vector import Vector

# From smallest to largest, by the service's order across types.
ORDERED: list[Any] = [
    None, False, True, math.nan, -math.inf, -2**63, -1.5, 0, 0.1, 1, 2**53, 2**53 + 1, math.inf,
    datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    "", "A", "B", "a", "aa", "é", "😀", b"", b"\x00", b"\x01",
    firestore.GeoPoint(-1.0, 5.0), firestore.GeoPoint(1.0, -5.0),
    [], [1], [1, 2], [2], Vector([9.0]), Vector([1.0, 1.0]), {}, {"a": 1}, {"a": 2}, {"b": 0},
]  # fmt: skip


def ids(query: Any) -> list[str]:
    return [document.id for document in query.stream()]


def fill(client: Any, collection: str, contents: dict[str, dict[str, Any]]) -> Any:
    batch = client.batch()
    for name, content in contents.items():
        batch.set(client.document(f"{collection}/{name}"), content)
    batch.commit()
    return client.collection(collection)


@pytest.fixture
def numbers(client: Any) -> Any:
    """Ten documents n0..n9 with n, its remainder by three, and tags."""
    content = {f"n{n}": {"n": n, "mod": n % 3, "tags": ["even" if n % 2 == 0 else "odd", n]} for n in range(10)}
    return fill(client, "numbers", content)


def test_values_of_all_types_are_ordered_as_documented(client: Any) -> None:
    shuffled = sorted(range(len(ORDERED)), key=lambda position: (position * 7919) % 101)
    collection = fill(client, "order", {f"x{position:02}": {"v": ORDERED[position]} for position in shuffled})
    expected = [f"x{position:02}" for position in range(len(ORDERED))]
    assert ids(collection.order_by("v")) == expected
    assert ids(collection.order_by("v", direction="DESCENDING")) == expected[::-1]


def test_documents_without_the_ordered_field_are_left_out(client: Any) -> None:
    collection = fill(client, "c", {"a": {"n": 1}, "b": {"m": 1}, "c": {"n": None}})
    assert ids(collection.order_by("n")) == ["c", "a"]
    assert ids(collection) == ["a", "b", "c"]


def test_equal_values_are_ordered_by_name_in_the_last_direction(client: Any) -> None:
    collection = fill(client, "c", {name: {"n": 1} for name in ("b", "a", "c")})
    assert ids(collection.order_by("n")) == ["a", "b", "c"]
    assert ids(collection.order_by("n", direction="DESCENDING")) == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("op", "value", "found"),
    [
        ("==", 3, "3"), ("<", 3, "012"), ("<=", 3, "0123"), (">", 7, "89"), (">=", 7, "789"), ("!=", 5, "012346789"),
        ("in", [1, 2, 42], "12"), ("not-in", [0, 1, 2, 3, 4, 5, 6, 7], "89"), ("==", 3.0, "3"), ("==", "3", ""),
        (">", "", ""), (">", None, ""), ("<", math.nan, ""),
    ],
)  # fmt: skip
def test_each_operator_finds_what_it_means(numbers: Any, op: str, value: Any, found: str) -> None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        with pytest.raises((ValueError, exceptions.InvalidArgument)):
            ids(numbers.where(filter=FieldFilter("n", op, value)))
        return
    assert ids(numbers.where(filter=FieldFilter("n", op, value))) == [f"n{digit}" for digit in found]


def test_inequalities_pass_over_missing_and_null_fields(client: Any) -> None:
    content = {"a": {"n": 1}, "b": {"n": None}, "c": {}, "d": {"n": math.nan}, "e": {"n": "x"}}
    collection = fill(client, "c", content)
    assert sorted(ids(collection.where(filter=FieldFilter("n", "!=", 1)))) == ["d", "e"]
    assert sorted(ids(collection.where(filter=FieldFilter("n", "not-in", [1])))) == ["d", "e"]
    assert ids(collection.where(filter=FieldFilter("n", "==", None))) == ["b"]
    assert sorted(ids(collection.where(filter=FieldFilter("n", "!=", None)))) == ["a", "d", "e"]
    assert ids(collection.where(filter=FieldFilter("n", "==", math.nan))) == ["d"]
    assert sorted(ids(collection.where(filter=FieldFilter("n", "!=", math.nan)))) == ["a", "e"]
    assert ids(collection.where(filter=FieldFilter("n", ">", 0))) == ["a"]
    assert ids(collection.where(filter=FieldFilter("n", "not-in", [None]))) == []
    assert ids(collection.where(filter=FieldFilter("n", "in", [1, None, math.nan]))) == ["a"]


def test_arrays_are_searched_by_element(client: Any) -> None:
    content = {"a": {"t": [1, "x"]}, "b": {"t": ["x", [2] and "y"]}, "c": {"t": "x"}, "d": {"t": [{"k": 1}, 1.0]}}
    collection = fill(client, "c", content)
    assert ids(collection.where(filter=FieldFilter("t", "array_contains", "x"))) == ["a", "b"]
    assert ids(collection.where(filter=FieldFilter("t", "array_contains", {"k": 1}))) == ["d"]
    assert ids(collection.where(filter=FieldFilter("t", "array_contains", 1))) == ["a", "d"]
    assert ids(collection.where(filter=FieldFilter("t", "array_contains_any", ["y", 1.0]))) == ["a", "b", "d"]


def test_filters_combine_with_and_and_or(numbers: Any) -> None:
    either = Or([FieldFilter("n", "==", 1), And([FieldFilter("mod", "==", 2), FieldFilter("n", ">", 4)])])
    assert ids(numbers.where(filter=either)) == ["n1", "n5", "n8"]
    both = numbers.where(filter=FieldFilter("mod", "==", 0)).where(filter=FieldFilter("tags", "array_contains", "odd"))
    assert ids(both) == ["n3", "n9"]
    nested = And([Or([FieldFilter("mod", "==", 0), FieldFilter("mod", "==", 1)]), FieldFilter("n", "<", 4)])
    assert ids(numbers.where(filter=nested)) == ["n0", "n1", "n3"]


def test_cursors_cut_before_and_after(numbers: Any) -> None:
    ordered = numbers.order_by("n")
    assert ids(ordered.start_at({"n": 7})) == ["n7", "n8", "n9"]
    assert ids(ordered.start_after({"n": 7})) == ["n8", "n9"]
    assert ids(ordered.end_at({"n": 2})) == ["n0", "n1", "n2"]
    assert ids(ordered.end_before({"n": 2})) == ["n0", "n1"]
    assert ids(ordered.start_at({"n": 2.5}).end_before({"n": 5})) == ["n3", "n4"]
    down = numbers.order_by("n", direction="DESCENDING")
    assert ids(down.start_after({"n": 3}).limit(2)) == ["n2", "n1"]


def test_a_document_is_a_cursor_also_among_equals(numbers: Any) -> None:
    ordered = numbers.order_by("mod").order_by("n", direction="DESCENDING")
    everything = ids(ordered)
    assert everything == ["n9", "n6", "n3", "n0", "n7", "n4", "n1", "n8", "n5", "n2"]
    middle = numbers.document("n4").get()
    assert ids(ordered.start_after(middle)) == everything[6:]
    assert ids(ordered.end_at(middle)) == everything[:6]


def test_limit_offset_and_the_last_ones(numbers: Any) -> None:
    ordered = numbers.order_by("n")
    assert ids(ordered.offset(3).limit(2)) == ["n3", "n4"]
    assert [document.id for document in ordered.limit_to_last(2).get()] == ["n8", "n9"]
    assert ids(numbers.limit(3)) == ["n0", "n1", "n2"]
    assert ids(ordered.offset(20)) == []


def test_names_are_filtered_and_ordered(numbers: Any, client: Any) -> None:
    name = "__name__"
    assert ids(numbers.order_by(name).limit(2)) == ["n0", "n1"]
    assert ids(numbers.where(filter=FieldFilter(name, ">=", numbers.document("n8")))) == ["n8", "n9"]
    wanted = [numbers.document("n2"), numbers.document("gone")]
    assert ids(numbers.where(filter=FieldFilter(name, "in", wanted))) == ["n2"]
    assert ids(numbers.order_by(name).start_after({name: "n7"})) == ["n8", "n9"]


def test_only_the_chosen_fields_come(numbers: Any) -> None:
    chosen = numbers.select(["mod", "nowhere"]).limit(1).get()
    assert [document.to_dict() for document in chosen] == [{"mod": 0}]
    only_names = numbers.select(["__name__"]).limit(1).get()
    assert [(document.id, document.to_dict()) for document in only_names] == [("n0", {})]


def test_a_collection_is_not_its_namesakes_but_its_group_is(client: Any) -> None:
    for path in ("posts/p", "users/u/posts/q", "users/u/posts/q/posts/r", "users/u/other/s", "postscript/t"):
        client.document(path).set({"path": path})
    assert ids(client.collection("posts")) == ["p"]
    assert ids(client.collection("users/u/posts")) == ["q"]
    assert ids(client.collection_group("posts")) == ["p", "q", "r"]
    found = client.collection_group("posts").where(filter=FieldFilter("path", "==", "users/u/posts/q"))
    assert [document.reference.path for document in found.stream()] == ["users/u/posts/q"]


def test_aggregations_count_add_and_average(numbers: Any, client: Any) -> None:
    def numbers_of(query: Any) -> dict[str, Any]:
        return {result.alias: result.value for result in query.get()[0]}

    over = numbers.where(filter=FieldFilter("n", ">", 5)).count(alias="count")
    assert numbers_of(over.sum("n", alias="sum").avg("n", alias="avg")) == {"count": 4, "sum": 30, "avg": 7.5}
    assert numbers_of(numbers.limit(3).count(alias="c")) == {"c": 3}
    assert numbers_of(client.collection("nothing").sum("n", alias="s")) == {"s": 0}
    mixed = fill(client, "m", {"a": {"v": 1}, "b": {"v": 0.5}, "c": {"v": "text"}, "d": {"w": 1}})
    assert numbers_of(mixed.sum("v", alias="s").count(alias="c")) == {"s": 1.5, "c": 3}


@pytest.mark.parametrize(
    "query",
    [
        lambda c: c.where(filter=FieldFilter("n", "in", [])),
        lambda c: c.where(filter=FieldFilter("n", "in", list(range(31)))),
        lambda c: c.where(filter=FieldFilter("n", "not-in", list(range(11)))),
        lambda c: c.where(filter=FieldFilter("n", "not-in", [1])).where(filter=FieldFilter("n", "not-in", [2])),
        lambda c: c.where(filter=FieldFilter("a", "array_contains", 1)).where(
            filter=FieldFilter("a", "array_contains", 2)
        ),
        lambda c: c.order_by("__name__").order_by("n"),
        lambda c: c.where(filter=FieldFilter("__name__", "==", "no reference")),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(client: Any, query: Any) -> None:
    with pytest.raises((exceptions.InvalidArgument, ValueError)):
        ids(query(client.collection("numbers")))


def test_the_past_can_be_read(client: Any) -> None:
    collection = fill(client, "c", {"a": {"n": 1}, "b": {"n": 2}})
    seen = collection.document("a").get().read_time
    collection.document("a").set({"n": 10})
    collection.document("b").delete()
    collection.document("c").set({"n": 3})
    assert collection.document("a").get(read_time=seen).to_dict() == {"n": 1}
    assert [document.to_dict()["n"] for document in collection.stream(read_time=seen)] == [1, 2]
    assert [document.to_dict()["n"] for document in collection.stream()] == [10, 3]


def test_collections_and_missing_documents_of_the_past_are_listed(client: Any) -> None:
    client.document("users/u1/months/m").set({"n": 1})
    client.document("gone/g/below/b").set({"n": 1})
    seen = client.document("gone/g/below/b").get().read_time
    client.document("gone/g/below/b").delete()
    client.document("users/u1").set({"n": 1})
    client.document("new/x").set({"n": 1})
    assert [each.id for each in client.collections()] == ["new", "users"]
    assert [each.id for each in client.collections(read_time=seen)] == ["gone", "users"]
    assert [each.id for each in client.document("gone/g").collections(read_time=seen)] == ["below"]
    assert [each.id for each in client.document("gone/g").collections()] == []
    assert [each.id for each in client.collection("gone").list_documents(read_time=seen)] == ["g"]
    assert list(client.collection("gone").list_documents()) == []


@pytest.mark.ours_only("the emulator has no PartitionQuery")
def test_a_collection_group_is_cut_into_parts_that_miss_and_double_nothing(client: Any) -> None:
    for number in range(40):
        client.document(f"places/p{number % 4}/parts/d{number:02}").set({"n": number})
    client.document("elsewhere/x").set({"n": 1})
    partitions = list(client.collection_group("parts").get_partitions(4))
    found = [document.reference.path for part in partitions for document in part.query().stream()]
    assert sorted(found) == sorted({*found})
    assert len(found) == 40
    assert found == sorted(found)


@pytest.mark.ours_only("the emulator has no PartitionQuery")
def test_a_small_collection_group_has_as_many_parts_as_documents_at_most(client: Any) -> None:
    client.document("parts/only").set({"n": 1})
    [part] = client.collection_group("parts").get_partitions(10)
    assert [document.id for document in part.query().stream()] == ["only"]
    assert [list(part.query().stream()) for part in client.collection_group("nothing").get_partitions(3)] == [[]]

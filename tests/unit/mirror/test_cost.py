"""What a write costs: index entries by Firestore's rules, reads of open pages, and money that is exact."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync.errors import InvalidSettings
from sync.mirror.changes import Acknowledgement, Held, Shown, Version
from sync.mirror.cost import Cost, Indexes, Prices, costs_of, kind_of, read_indexes
from sync.mirror.encode import delete_write, encode, guarded
from sync.mirror.plan import Write

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 5, tzinfo=UTC)
VERSION = Version(0, 1)
PRICES = Prices(Decimal("0.09"), Decimal("0.01"), Decimal("0.03"), Decimal(1), "USD")


def write(path: str, **content: Any) -> Write:
    return Write(path, guarded(encode(content), path, NOW), b"digest", VERSION, True, content)


def deletion(path: str) -> Write:
    return Write(path, delete_write(path, NOW), None, VERSION, True, None)


@pytest.mark.parametrize(
    ("content", "entries"),
    [
        ({"a": 1}, 2),
        ({"a": None, "b": True, "c": NOW, "d": "x"}, 8),
        ({"a": []}, 0),
        ({"a": ["x", "y", "z"]}, 3),
        ({"a": [{"b": 1, "c": 2}]}, 1),
        ({"a": {"b": 1, "c": {"d": 1, "e": ["x"]}}}, 5),
        ({"a": {}}, 0),
    ],
)
def test_automatic_indexes_hold_a_value_twice_and_each_element_once(content: dict[str, Any], entries: int) -> None:
    assert Indexes().walked("things", content) == entries


def deployed(tmp_path: Path, **file: Any) -> Indexes:
    path = tmp_path / "indexes.json"
    path.write_text(json.dumps({"indexes": [], "fieldOverrides": [], **file}))
    return read_indexes(path)


def test_an_exempt_field_stands_in_no_index_nor_what_is_in_it(tmp_path: Path) -> None:
    indexes = deployed(tmp_path, fieldOverrides=[{"collectionGroup": "things", "fieldPath": "a", "indexes": []}])

    assert indexes.walked("things", {"a": {"b": 1}, "c": 1}) == 2
    assert indexes.walked("others", {"a": {"b": 1}, "c": 1}) == 4


def test_an_override_says_which_indexes_are_left(tmp_path: Path) -> None:
    one = {"collectionGroup": "things", "fieldPath": "a", "indexes": [{"order": "ASCENDING"}]}
    inner = {"collectionGroup": "things", "fieldPath": "m.b", "indexes": []}

    assert deployed(tmp_path, fieldOverrides=[one, inner]).walked("things", {"a": 1, "m": {"b": 1, "c": 1}}) == 3


def test_a_composite_index_holds_documents_that_have_all_its_dict(tmp_path: Path) -> None:
    index = {"collectionGroup": "things", "fields": [{"fieldPath": "a"}, {"fieldPath": "b"}]}
    indexes = deployed(tmp_path, indexes=[index])

    assert (indexes.walked("things", {"a": 1, "b": 2}), indexes.walked("things", {"a": 1, "c": 2})) == (5, 4)


def test_without_a_file_everything_counts_and_a_broken_one_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"indexes": [{}]}')

    assert read_indexes(tmp_path / "none.json").walked("transactions", {"name": "x"}) == 2
    with pytest.raises(InvalidSettings, match="FIRESTORE_INDEXES_FILE"):
        read_indexes(broken)


def test_the_users_collection_is_that_of_the_heads() -> None:
    indexes = read_indexes(ROOT / "firestore_rules" / "firestore.indexes.json")

    assert indexes.walked("head", {"email": "x", "displayName": "y", "other": 1}) == 2
    assert (kind_of("users/ada"), kind_of("users/ada/months/2026-11")) == ("head", "months")


def test_lists_and_maps_that_come_and_go_are_counted_in_each_document() -> None:
    indexes = Indexes()
    plain = {"name": "x", "splits": [], "review": None}
    split = {"name": "x", "splits": [{"a": 1}, {"a": 2}], "review": {"id": "r", "state": "open"}}

    for document in (plain, split, plain):
        assert indexes.entries("transactions", document) == indexes.walked("transactions", document)


def test_a_commit_is_summed_by_kind() -> None:
    settled = Acknowledgement("users/ada")
    settled.writes = [
        write("users/ada", a=1),
        write("users/ada/months/2026-11", a=1),
        *(write(f"users/ada/transactions/{n}", a=1, splits=[], review=None) for n in range(150)),
        deletion("users/ada/transactions/gone"),
    ]
    settled.marks = [(one.path, VERSION) for one in settled.writes[1:]]

    costs = costs_of(settled, Indexes())

    assert costs["head"] == Cost(0, 1, 0, len(settled.writes[0].request), 2, 1)
    assert costs["months"].changes == 1
    rows = costs["transactions"]
    assert (rows.changes, rows.writes, rows.deletes, rows.index_entries) == (151, 150, 1, 600)
    assert rows.listened == 100  # a page listens to the newest rows of a month
    assert sum(cost.bytes for cost in costs.values()) == sum(len(one.request) for one in settled.writes)


def test_what_a_lost_answer_had_written_counts_as_written() -> None:
    held = Held(NOW, False, b"digest", VERSION)
    settled = Acknowledgement("users/ada", shown=[Shown("users/ada/months/2026-11", held)])
    settled.marks = [("users/ada/months/2026-11", VERSION)]

    assert costs_of(settled, Indexes())["months"] == Cost(1, 1, 0, 0, 0, 1)


def test_money_is_exact() -> None:
    assert PRICES.of(1, 0, 0) == Decimal("0.0000009")
    assert PRICES.of(100_000, 100_000, 200_000) == Decimal("0.16")
    assert Prices(*PRICES[:3], Decimal("1.5"), "USD").of(0, 0, 2) == Decimal("0.0000009")

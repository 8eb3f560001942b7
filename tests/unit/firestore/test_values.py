"""Values and field paths: one total order, and only what can be stored."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.firestore import fields
from local.firestore.errors import FirestoreError
from local.firestore.query.order import Descending
from local.firestore.values import check_document, equal, order_key
from tests.unit.firestore.world import value

_plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(), st.binary()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(min_size=1), inner, max_size=3)),
    max_leaves=5,
)


@given(_plain, _plain, _plain)
def test_the_order_of_values_is_total(a: Any, b: Any, c: Any) -> None:
    ka, kb, kc = (order_key(value(each)) for each in (a, b, c))
    assert (ka < kb) + (kb < ka) + (ka == kb) == 1
    if ka <= kb <= kc:
        assert ka <= kc


@given(_plain, _plain)
def test_descending_is_the_other_way_round(a: Any, b: Any) -> None:
    ka, kb = order_key(value(a)), order_key(value(b))
    assert (Descending(ka) < Descending(kb)) == (kb < ka)


def test_numbers_compare_exactly_and_across_their_types() -> None:
    assert equal(value(3), value(3.0))
    assert order_key(value(2**53)) < order_key(value(2**53 + 1))
    assert order_key(value(math.nan)) < order_key(value(-math.inf))
    assert equal(value(math.nan), value(math.nan))


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_a_field_path_survives_being_written_down(names: list[str]) -> None:
    assert fields.parse(fields.render(tuple(names))) == tuple(names)


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a b", "`a", "a`b`", "1a", "``", "a.`b`c"])
def test_a_malformed_field_path_is_refused(text: str) -> None:
    with pytest.raises(FirestoreError):
        fields.parse(text)


@given(_plain)
def test_projecting_everything_keeps_everything(content: Any) -> None:
    document = value({"x": content, "y": 1}).map_value
    kept = value({}).map_value
    fields.project(document.fields, [("x",), ("y",)], kept.fields)
    assert kept.SerializeToString(deterministic=True) == document.SerializeToString(deterministic=True)


def test_a_document_of_exactly_a_mebibyte_is_the_largest() -> None:
    # Path c/d: 2 + 2 + 16, document 32, two fields with a name of 2 and a string's 1.
    room = 1024 * 1024 - 4 - 16 - 32 - 2 * (2 + 1) - 500_000
    check_document("c/d", value({"f": "x" * room, "g": "x" * 500_000}).map_value.fields)
    with pytest.raises(FirestoreError):
        check_document("c/d", value({"f": "x" * (room + 1), "g": "x" * 500_000}).map_value.fields)

"""JSON with exact numbers, and cursors that cannot be forged."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.plaid import cursor, wire
from local.plaid.currencies import ISO, codes
from local.plaid.cursor import Cursor, ForeignCursor
from local.plaid.mint import Mint
from local.plaid.store import Store

_KEY = b"k" * 32


@given(st.decimals(allow_nan=False, allow_infinity=False, places=10) | st.integers())
def test_numbers_come_back_digit_for_digit(number: Decimal | int) -> None:
    text = wire.dumps({"amount": number})
    again = wire.loads(text)["amount"]
    assert again == number
    assert "E" not in text
    assert wire.dumps({"amount": again}) == text


@given(st.text())
def test_any_text_survives(text: str) -> None:
    assert wire.loads(wire.dumps({"name": text})) == {"name": text}
    assert wire.dumps({"name": text}).isascii()


def test_stored_json_is_laid_in_as_it_is() -> None:
    inner = wire.Verbatim('{"amount":1.50}')
    assert wire.dumps({"added": [inner, inner], "n": Decimal("0.10")}) == (
        '{"added":[{"amount":1.50},{"amount":1.50}],"n":0.10}'
    )


def test_dates_and_times_are_printed_as_plaid_prints_them() -> None:
    moment = datetime(2026, 11, 20, 12, 0, 1, 999, tzinfo=UTC)
    assert json.loads(wire.dumps([moment, date(2026, 1, 2)])) == ["2026-11-20T12:00:01Z", "2026-01-02"]


def test_what_is_no_json_cannot_be_written() -> None:
    with pytest.raises(TypeError):
        wire.dumps({"a": object()})
    with pytest.raises(TypeError):
        wire.dumps({"a": Decimal("NaN")})


_cursors = st.builds(
    Cursor,
    low=st.integers(0, 2**63),
    high=st.integers(0, 2**63),
    position=st.integers(0, 2**63),
    page=st.integers(0, 2**31),
)


@given(_cursors, st.text(st.characters(codec="utf-8")))
def test_a_cursor_comes_back_for_its_stream(at: Cursor, stream: str) -> None:
    text = cursor.encode(at, stream, _KEY)
    assert len(text) <= 256
    assert cursor.decode(text, stream, _KEY) == at
    with pytest.raises(ForeignCursor):
        cursor.decode(text, stream + "!", _KEY)
    with pytest.raises(ForeignCursor):
        cursor.decode(text, stream, b"x" * 32)


@given(_cursors, st.integers(0, 83), st.sampled_from("ABCxyz019+/"))
def test_a_changed_letter_makes_a_cursor_foreign(at: Cursor, place: int, letter: str) -> None:
    text = cursor.encode(at, "item/", _KEY)
    changed = text[:place] + letter + text[place + 1 :]
    try:
        assert cursor.decode(changed, "item/", _KEY) == at
    except ForeignCursor:
        assert changed != text


def test_ids_depend_on_seed_kind_and_order_alone() -> None:
    first, again, other = (Mint(seed, Store(None)) for seed in ("a", "a", "b"))
    ids = [first.id("item"), *first.ids("item", 2), first.id("account")]
    assert ids == [again.id("item"), *again.ids("item", 2), again.id("account")]
    assert len(set(ids)) == 4
    assert {len(name) for name in ids} == {37}
    assert other.id("item") not in ids
    assert first.token("access").startswith("access-sandbox-")


def test_official_codes_are_told_from_unofficial_ones() -> None:
    assert codes("USD") == ("USD", None)
    assert codes("BTC") == (None, "BTC")
    assert {"USD", "EUR", "JPY", "KWD", "XCD"} <= ISO

"""Errors: a stable code each, a title from the docstring, and bells that never raise."""

from __future__ import annotations

import re

import pytest

from sync.deps import _never_raising
from sync.errors import ERRORS, InvalidFields, ItemNotFound, LivespendError


def test_codes_are_kebab_case_and_statuses_are_http_errors() -> None:
    for code, kind in ERRORS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code), code
        assert 400 <= kind.status < 600, code


def test_the_docstring_is_the_title_and_the_detail_if_none_is_given() -> None:
    assert ItemNotFound.title() == "There is no such bank connection"
    assert ItemNotFound().detail == ItemNotFound.title()
    assert str(ItemNotFound("gone")) == "item-not-found: gone"


def test_two_errors_cannot_share_a_code() -> None:
    with pytest.raises(TypeError, match="item-not-found"):
        type("Another", (LivespendError,), {"code": "item-not-found"})


def test_invalid_fields_name_every_field() -> None:
    refused = InvalidFields({"amount": "must not be 0", "date": "must be a day"})

    assert refused.errors == {"amount": "must not be 0", "date": "must be a day"}
    assert "date: must be a day" in refused.detail


def test_a_bell_that_breaks_is_dropped() -> None:
    def broken(task: str, arguments: dict[str, str]) -> None:
        raise ConnectionError(task)

    assert _never_raising(broken)("pull_item", {"item_id": "x"}) is None  # type: ignore[func-returns-value]

"""The wire format, held to protobuf's own classes byte for byte."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud.firestore_v1.types import document, firestore, write

from sync.mirror import wire
from sync.mirror.encode import Unencodable, delete_write, digest, encode, get_time, guarded

DocumentPb, WritePb, CommitRequest = document.Document.pb(), write.Write.pb(), firestore.CommitRequest.pb()
WORDS = ["", "a", "ab", "abc", "amount", "amountMinor", "é", "日本", "x" * 127, "y" * 128, "z" * 20_000, "\0", "🙂"]
NUMBERS = [0, 1, -1, 127, 128, 300, 2**31, -(2**31), 2**63 - 1, -(2**63)]
TIMES = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 11, 21, 12, 30, 1, 999_999, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]


def filled(value: Any, content: Any) -> None:
    """What protobuf's class makes of a value."""
    match content:
        case None:
            value.null_value = 0
        case bool():
            value.boolean_value = content
        case int():
            value.integer_value = content
        case str():
            value.string_value = content
        case datetime():
            value.timestamp_value.FromDatetime(content)
        case list():
            value.array_value.SetInParent()
            for inner in content:
                filled(value.array_value.values.add(), inner)
        case dict():
            value.map_value.SetInParent()
            for key, inner in content.items():
                filled(value.map_value.fields[key], inner)


def message(content: dict[str, Any]) -> Any:
    made = DocumentPb()
    for key, inner in content.items():
        filled(made.fields[key], inner)
    return made


def any_value(dice: random.Random, depth: int) -> Any:
    kinds = [None, True, False, dice.choice(NUMBERS), dice.choice(WORDS), dice.choice(TIMES), dice.randrange(2**40)]
    if depth:
        kinds += [any_map(dice, depth - 1), [any_value(dice, depth - 1) for _ in range(dice.randrange(4))]]
    return dice.choice(kinds)


def any_map(dice: random.Random, depth: int) -> dict[str, Any]:
    return {dice.choice(WORDS): any_value(dice, depth) for _ in range(dice.randrange(8))}


@pytest.mark.parametrize("seed", range(20))
def test_a_document_is_what_protobuf_would_make_of_it(seed: int):
    dice = random.Random(seed)
    for _ in range(200):
        content = any_map(dice, 3)

        assert encode(content).body == message(content).SerializeToString(deterministic=True), (seed, content)


def test_true_is_not_one():
    """Values that repeat are kept ready; in Python True and 1 are the same key."""
    for content in (True, 1, False, 0, "1", None, True, 1):
        assert encode({"same": content}).body == message({"same": content}).SerializeToString()


def test_writes_and_their_preconditions_are_read_back_exactly():
    encoded = encode({"name": "Coffee"})
    for moment in TIMES[1:]:
        made = WritePb.FromString(guarded(encoded, "n/é", moment))
        assert (made.update.name, made.update.fields["name"].string_value) == ("n/é", "Coffee")
        assert get_time(made.current_document.update_time) == moment
        gone = WritePb.FromString(delete_write("n/x", moment))
        assert (gone.delete, get_time(gone.current_document.update_time)) == ("n/x", moment)

    only_new = WritePb.FromString(guarded(encoded, "n/x", None))
    assert only_new.current_document.WhichOneof("condition_type") == "exists"
    assert only_new.current_document.exists is False


def test_a_commit_holds_its_writes_in_order():
    writes = [guarded(encode({"n": number}), f"n/{number}", None) for number in range(300)]
    request = CommitRequest.FromString(wire.commit("projects/p/databases/(default)", writes))

    assert request.database == "projects/p/databases/(default)"
    assert [write.update.name for write in request.writes] == [f"n/{number}" for number in range(300)]


@pytest.mark.parametrize("path", ["users/u", "users/u/months/2026-11", "users/u/transactions/t"])
def test_what_was_read_has_the_digest_of_what_was_written(path: str):
    content = {
        "amount": "1", "amountMinor": 100, "version": {"epoch": 1, "number": 7}, "reflectsAt": TIMES[2],
        "mirroredAt": TIMES[2], "commit": "c", "mirrorHead": {"epoch": 1, "number": 9},
    }  # fmt: skip
    read = message(content)
    read.name = "projects/p/databases/(default)/documents/" + path
    read.update_time.FromDatetime(TIMES[2])

    assert digest(read, path) == digest(encode(content), path)


@pytest.mark.parametrize("content", [2**63, -(2**63) - 1, 1.5, "\ud800", object(), {"a": {1}}, [b"x"]])
def test_what_the_format_cannot_carry_is_refused(content: Any):
    with pytest.raises(Unencodable):
        encode({"field": content})

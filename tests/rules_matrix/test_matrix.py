"""The whole table over the wire: every kind of caller tries every operation on every kind of document."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.rules_matrix.conftest import Target
from tests.rules_matrix.intents import ADMITTED, BAD_IDS, DENIED, NOW, Fields
from tests.rules_matrix.printed import page
from tests.rules_matrix.table import (
    CALLERS,
    DOCUMENTS,
    LISTINGS,
    OPERATIONS,
    OWNER,
    OWNERS,
    collection,
    expected,
    sibling,
)
from tests.rules_matrix.wire import Wire, bearer

RULES = (Path(__file__).parents[2] / "firestore_rules" / "firestore.rules").read_text()


@pytest.fixture
def guarded(target: Target) -> Target:
    """The server with the shipped rules and one document of every kind."""
    target.load(RULES)
    admin = target.admin()
    for path, fields in DOCUMENTS.items():
        assert admin.set(path, fields) == "ALLOW"
    return target


def attempt(target: Target, wire: Wire, operation: str, path: str) -> str:
    if operation in LISTINGS:
        return ask(wire, operation, path)
    match operation:
        case "create anew":
            assert target.admin().delete(path) == "ALLOW"
            verdict = wire.create(path, {"x": 1})
            assert target.admin().set(path, DOCUMENTS[path]) == "ALLOW"
        case "get missing":
            verdict = wire.get(sibling(path))
        case "create":
            verdict = wire.create(sibling(path), {"x": 1})
        case "get" | "delete":
            verdict = getattr(wire, operation)(path)
        case _:
            verdict = getattr(wire, operation)(path, {"x": 1})
    return verdict


def ask(wire: Wire, operation: str, path: str) -> str:
    listing = LISTINGS[operation]
    asked = collection(path, listing)
    if operation == "count":
        return wire.count(asked)
    return wire.list(
        asked,
        limit=listing.limit,
        offset=listing.offset,
        where=listing.where,
        order=listing.order,
        group=listing.group,
    )


@pytest.mark.parametrize("path", DOCUMENTS)
@pytest.mark.parametrize("caller", CALLERS)
def test_each_cell_of_the_table(guarded: Target, caller: str, path: str) -> None:
    who = CALLERS[caller]
    wire = guarded.wire(bearer(who) if who else None)
    assert {operation: attempt(guarded, wire, operation, path) for operation in OPERATIONS} == expected(caller, path)


@pytest.mark.parametrize("path", DOCUMENTS)
def test_the_admin_passes_no_rules(guarded: Target, path: str) -> None:
    verdicts = {operation: attempt(guarded, guarded.admin(), operation, path) for operation in OPERATIONS}
    assert set(verdicts.values()) == {"ALLOW"}


# To the microsecond of the server's clock, which only the evaluator knows beforehand.
EDGE = "a clock a day ahead"


def leave(wire: Wire, fields: Fields, path: str | None = None) -> str:
    """As the page does: the arrival is the server's clock, the rest follows the real one."""
    path = path or f"users/{OWNER}/intents/{uuid.uuid4()}"
    shift = datetime.now(UTC) - NOW
    fields = {name: value + shift if isinstance(value, datetime) else value for name, value in fields.items()}
    if fields.get("createdAt") == NOW + shift:
        return wire.leave(path, fields, "createdAt")
    return wire.create(path, fields)


@pytest.mark.parametrize("caller", CALLERS)
def test_intents_are_left_by_the_owner_alone(guarded: Target, caller: str) -> None:
    who = CALLERS[caller]
    wire = guarded.wire(bearer(who) if who else None)
    verdict = "ALLOW" if caller in OWNERS else "DENY"
    assert {name: leave(wire, fields) for name, fields in ADMITTED.items()} == dict.fromkeys(ADMITTED, verdict)


def test_each_attack_on_an_intent_is_denied(guarded: Target) -> None:
    who = CALLERS["owner (password)"]
    assert who is not None
    wire = guarded.wire(bearer(who))
    assert [name for name, fields in DENIED.items() if name != EDGE and leave(wire, fields) != "DENY"] == []
    sound = ADMITTED["a note"]
    assert {bad: leave(wire, sound, f"users/{OWNER}/intents/{bad}") for bad in BAD_IDS} == dict.fromkeys(
        BAD_IDS, "DENY"
    )


def test_an_intent_is_created_once_and_stays_as_it_is(guarded: Target) -> None:
    who = CALLERS["owner (password)"]
    assert who is not None
    wire, path = guarded.wire(bearer(who)), f"users/{OWNER}/intents/{uuid.uuid4()}"
    assert leave(wire, ADMITTED["a note"], path) == "ALLOW"
    assert [wire.set(path, ADMITTED["no note"]), wire.update(path, {"v": 1}), wire.delete(path)] == ["DENY"] * 3
    assert wire.get(path) == "ALLOW"


def test_nobody_lists_the_people_or_the_households(guarded: Target) -> None:
    for who in CALLERS.values():
        wire = guarded.wire(bearer(who) if who else None)
        assert wire.list("users", limit=1) == "DENY"
        assert wire.list("households", limit=1) == "DENY"
        assert wire.list("users", limit=1, where=(("displayName", "==", "Ann"),)) == "DENY"


def test_access_ends_with_the_member_document_and_a_member_is_let_in_by_nobody(guarded: Target) -> None:
    who = CALLERS["other user"]
    assert who is not None
    wire, admin = guarded.wire(bearer(who)), guarded.admin()
    paths = [path for path in DOCUMENTS if path.startswith("households/h1")]
    readable = [path for path in paths if expected("owner (password)", path)["get"] == "ALLOW"]
    assert wire.create("households/h1/members/u2", {"role": "owner"}) == "DENY"
    assert wire.create("households/h3", {"name": "x"}) == "DENY"
    assert [wire.get(path) for path in readable] == ["DENY"] * len(readable)
    assert admin.set("households/h1/members/u2", {"role": "member"}) == "ALLOW"
    assert [wire.get(path) for path in readable] == ["ALLOW"] * len(readable)
    assert admin.delete("households/h1/members/u2") == "ALLOW"
    assert [wire.get(path) for path in readable] == ["DENY"] * len(readable)


@pytest.mark.parametrize("uid", ["", "u1/", "u1%2Fmonths", "U1", "u1 ", "users", ".."])
def test_an_id_that_looks_like_the_owners_is_not_the_owners(guarded: Target, uid: str) -> None:
    claims: dict[str, object] = {"sub": uid or "x", "user_id": uid or "x", "firebase": {"sign_in_provider": "password"}}
    wire = guarded.wire(bearer(claims))
    assert wire.get(f"users/{OWNER}") == "DENY"
    assert wire.list(f"users/{OWNER}/months") == "DENY"


def test_the_printed_table_is_this_one():
    printed = Path(__file__).parents[2] / "docs" / "rules-matrix.md"
    assert printed.read_text() == page(), "run: python -m tests.rules_matrix.printed > docs/rules-matrix.md"

"""`livespend mirror` as an operator calls it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from workers.cli import livespend


@pytest.fixture
def call(database, firestore_server, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs one command of the group with this test's servers in the environment."""
    monkeypatch.setenv("MIRROR_DATABASE_URL", database.url("mirror"))
    monkeypatch.setenv("FIREBASE_PROJECT_ID", firestore_server.project)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_server.address)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(livespend, ("mirror", *arguments), catch_exceptions=False)

    return run


def test_status_says_how_far_behind_the_mirror_is(books, call, running_mirror, eventually, clean):
    books().add(3)

    before = json.loads(call("status", "--json").stdout)
    running_mirror()
    eventually(clean)
    after = json.loads(call("status", "--json").stdout)

    assert (before["dirtyOwners"], before["marks"], before["documents"], before["mirrors"]) == (1, 7, 0, 0)
    assert before["oldestDirtySeconds"] > 0
    assert (after["dirtyOwners"], after["marks"], after["documents"], after["mirrors"]) == (0, 0, 7, 1)
    assert after["oldestDirtySeconds"] is None
    assert after["windowFirstMonth"] == "2026-01"
    assert after["parked"] == []


def test_verify_ends_with_0_only_if_everything_is_equal(books, call, mirrored, firestore_server):
    ada = books()
    rows = ada.add(3)
    waiting = call("verify", "--json")
    mirrored()
    equal = call("verify", "--json", "--user", "ada")
    firestore_server.client().document(ada.path("transactions", rows[0])).delete()
    different = call("verify", "--json")

    assert (waiting.exit_code, equal.exit_code, different.exit_code) == (3, 0, 1)
    assert json.loads(equal.stdout)["equal"] is True
    assert json.loads(different.stdout)["perUser"][0]["missing"] == [ada.path("transactions", rows[0])]


def test_verify_repairs_when_asked_and_says_so(books, call, mirrored, firestore_server, assert_mirrored):
    ada = books()
    rows = ada.add(3)
    books("bob")
    mirrored()
    firestore_server.client().document(ada.path("transactions", rows[0])).delete()

    sampled = call("verify", "--json", "--sample", "50")
    repaired = call("verify", "--json", "--repair")
    mirrored()

    assert json.loads(sampled.stdout)["users"] == 1
    assert (repaired.exit_code, json.loads(repaired.stdout)["repaired"]) == (0, 1)
    assert call("verify").exit_code == 0
    assert_mirrored()


def test_verify_without_json_is_for_people(books, call, mirrored):
    books()
    mirrored()

    assert "equal: True" in call("verify").stdout

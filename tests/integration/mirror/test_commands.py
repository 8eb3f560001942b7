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


def test_rebuild_writes_every_document_again(books, call, mirrored, running_mirror, firestore_server, assert_mirrored):
    ada, bob = books("ada"), books("bob")
    ada.add(5)
    bob.add(2)
    mirrored()
    before = firestore_server.stats()["updates"]
    running_mirror()

    one = json.loads(call("rebuild", "--user", "ada", "--json").stdout)
    between = firestore_server.stats()["updates"]
    everybody = json.loads(call("rebuild", "--all", "--json").stdout)

    assert (one, everybody) == (
        {"users": 1, "marked": 9, "left": 0}, {"users": 2, "marked": 15, "left": 0}
    )  # fmt: skip
    assert between - before == 9  # the head is one of them
    assert firestore_server.stats()["updates"] - between == 15
    assert call("rebuild").exit_code == 2
    assert_mirrored()


def test_rebuild_fills_an_emptied_firestore(
    books, call, mirrored, running_mirror, firestore_process, assert_mirrored, eventually, clean
):
    ada = books()
    ada.add(20)
    mirrored()
    firestore_process.clear()
    running_mirror()

    marked = json.loads(call("rebuild", "--user", "ada", "--no-wait", "--json").stdout)["marked"]
    eventually(clean, 30)

    assert marked == 24
    assert_mirrored()


def test_audit_shows_what_was_read_and_repaired(books, call, mirrored, mirror_deps, firestore_server):
    from sync.audit.audit import AuditLines, Auditor
    from sync.audit.verify import ledger_url

    ada = books()
    rows = ada.add(3)
    mirrored()
    firestore_server.client().document(ada.path("transactions", rows[0])).delete()
    deps = mirror_deps()
    lines = AuditLines(ledger_url(deps))
    auditor = Auditor(deps)
    auditor.enrol(lines)
    auditor.audit_next(lines)
    lines.close()
    waiting = json.loads(call("audit", "--json").stdout)
    mirrored()

    shown = json.loads(call("audit", "--json", "--user", "ada").stdout)

    assert (shown["owners"], shown["fullyRead"]) == (1, 1)
    assert 6 < shown["readsToday"] < 30
    (audited,), (repaired,) = shown["audits"], shown["repairs"]
    assert (audited["owner"], audited["outcome"], audited["repaired"]) == ("users/ada", "damaged", 1)
    assert (repaired["path"], repaired["kind"]) == (ada.path("transactions", rows[0]), "missing")
    assert waiting["repairs"][0]["mendedAt"] is None
    assert repaired["mendedAt"] is not None
    assert "users/ada" in call("audit").stdout


def test_window_moves_everybody_and_says_how_far_it_is(books, call, mirrored, assert_mirrored, running_mirror):
    for name in ("ada", "bob"):
        books(name).add(2, on="2024-05-05")
    running_mirror()

    moved = json.loads(call("window", "--months", "240", "--json").stdout)
    shown = json.loads(call("window", "--json").stdout)
    mirrored()

    assert (moved["left"], moved["orderedMonths"], moved["owners"]) == (0, 240, 2)
    assert moved["finishedAt"] is not None
    assert shown["firstMonth"] == moved["firstMonth"] < "2024-05"
    assert_mirrored()
    assert json.loads(call("window", "--by-setting", "--json").stdout)["orderedMonths"] is None
    assert "left: 0" in call("window").stdout
    assert call("window", "--months", "3", "--by-setting").exit_code == 2

"""The lint finds what it says it finds, and nothing in the rules that Livespend ships."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.firestore.rules import Rules
from local.firestore.rules.lint import lint

ROOT = Path(__file__).parents[3]
SHIPPED = (ROOT / "firestore_rules" / "firestore.rules").read_text()


def rules(inside: str, version: str = "rules_version = '2';") -> str:
    return f"{version} service cloud.firestore {{ match /databases/{{_d}}/documents {{ {inside} }} }}"


def test_the_shipped_rules_have_no_findings() -> None:
    assert [str(finding) for finding in lint(SHIPPED)] == []


def test_the_shipped_rules_load_in_strict_mode_without_a_warning() -> None:
    assert Rules.load(SHIPPED, strict=True).warnings == ()


@pytest.mark.parametrize(
    ("inside", "advice"),
    [
        ("match /a/{id} { allow read: if id == 'x'; }", "name the verbs"),
        ("match /a/{id} { allow delete, write: if id == 'x'; }", "name the verbs"),
        ("match /a/{_id} { allow get; }", "open to the world"),
        ("match /a/{_id} { allow get: if true; }", "open to the world"),
        ("match /a/{rest=**} { allow get: if rest[0] == 'x'; }", "covers paths"),
        ("match /a/{id} { allow get: if 1 == 1 && 2 == 2; }", "'id' is unused"),
        ("match /a/{_id} { allow list: if !('secret' in resource.data); }", "as a whole"),
        ("match /a/{_id} { allow list: if resource.data.keys().hasOnly(['a']); }", "as a whole"),
        ("match /a/{_id} { allow list: if resource.data.get('x', 1) == 1; }", "as a whole"),
        ("match /a/{_id} { allow list: if ok(resource); function ok(r) { return r.data.x == 1; } }", "as a whole"),
        ("function ok() { return resource.data == {}; } match /a/{_id} { allow list: if ok(); }", "as a whole"),
        ("match /a/{id} { allow create: if request.resource.data.k == id; }", "names its keys"),
        ("match /a/{id} { allow get: if debug(id == 'x'); }", "emulator only"),
        ("match /a/{id} { allow get: if id == 'x' && resource.size() < 9; }", "no size in bytes"),
        ("match /a/{id} { allow get: if nosuch(id); }", "unknown function"),
        ("match /a/{id} { allow get: if id == owner; }", "unknown variable"),
        ("match /a/{id} { allow get: if id.fits(); }", "no type has a method"),
        ("match /a/{id} { allow get: if id in ['a'] == true; }", "in parentheses"),
        ("match /a/{id} { allow get: if exists(/a/$(id)) && exists(/b/$(id)) && exists(/c/$(id)); }", "billed"),
    ],
)
def test_each_danger_is_found(inside: str, advice: str) -> None:
    assert any(advice in finding.advice for finding in lint(rules(inside)))


def test_version_1_is_found() -> None:
    assert "rules_version" in lint(rules("match /a/{id} { allow get: if id == 'x'; }", version=""))[0].advice


def test_reading_single_fields_in_a_list_is_no_finding() -> None:
    assert lint(rules("match /a/{_id} { allow list: if resource.data.owner == request.auth.uid; }")) == []


def test_firebase_json_and_the_indexes_name_what_exists() -> None:
    firestore = json.loads((ROOT / "firebase.json").read_text())["firestore"]
    assert (ROOT / firestore["rules"]).read_text() == SHIPPED
    indexes = json.loads((ROOT / firestore["indexes"]).read_text())
    composites = {
        (index["collectionGroup"], *(f["fieldPath"] for f in index["fields"])) for index in indexes["indexes"]
    }
    assert {("transactions", "month", "date"), ("transactions", "categoryId", "date")} <= composites
    exempt = {(one["collectionGroup"], one["fieldPath"]) for one in indexes["fieldOverrides"] if not one["indexes"]}
    queried = {(group, field) for group, *fields in composites for field in fields}
    assert not exempt & queried

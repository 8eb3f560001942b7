"""A rules file that changes while the server runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local.firestore.engine import Engine
from local.firestore.rules_file import RulesFile

OPEN = "rules_version = '2'; service cloud.firestore { match /databases/{d}/documents { match /c/{i} { allow get; } } }"
SHUT = OPEN.replace("allow get", "allow get: if false")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "firestore.rules"
    path.write_text(OPEN)
    return path


def _save(path: Path, text: str) -> None:
    path.write_text(text)
    stamp = path.stat().st_mtime_ns + 1_000_000
    os.utime(path, ns=(stamp, stamp))


def _text(engine: Engine) -> str:
    rules = engine.rules_of("p")
    assert rules is not None
    return rules.text


def test_what_is_saved_is_in_force_at_the_next_look(path: Path):
    engine, file = Engine(None, OPEN), RulesFile(path)
    file.look(engine)
    assert _text(engine) == OPEN
    _save(path, SHUT)
    file.look(engine)
    assert _text(engine) == SHUT


def test_what_does_not_load_is_told_with_its_place_and_the_old_rules_stay(path: Path, capsys):
    engine, file = Engine(None, OPEN), RulesFile(path)
    _save(path, OPEN.replace("allow get;", "allow get: if;"))
    file.look(engine)
    assert _text(engine) == OPEN
    assert "L1:" in capsys.readouterr().err
    file.look(engine)
    assert capsys.readouterr().err == ""


def test_a_file_that_is_gone_for_a_moment_is_waited_for(path: Path):
    engine, file = Engine(None, OPEN), RulesFile(path)
    path.unlink()
    file.look(engine)
    assert _text(engine) == OPEN
    path.write_text(SHUT)
    file.look(engine)
    assert _text(engine) == SHUT

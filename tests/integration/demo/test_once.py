"""`livespend demo --once --json` as a script calls it: the proof, its exit status, what it says of bad files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
USERS = ROOT / "tests" / "data" / "custom_users"


def once(*arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "workers.cli", "demo", "--once", "--json", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170)
    assert done.stdout.count("\n") == 1, done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("name", sorted(path.name for path in USERS.glob("*.json")))
def test_a_custom_user_arrives_whole_on_both_sides(name: str, on_emulator: bool):
    firestore = "emulator" if on_emulator else "local"
    code, outcome = once("--user-file", str(USERS / name), "--firestore", firestore)

    assert outcome.get("problems") == [], outcome
    assert code == 0
    assert outcome["ok"] is True
    assert outcome["digest"]["equal"] is True
    assert outcome["counts"]["transactions"]["postgres"] == outcome["file"]["transactions"] + 1  # and the purchase
    assert outcome["totals"]["postgres"] == outcome["totals"]["firestore"]
    assert set(outcome["hops"]) == {"purchase", "edit"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"override_accounts": [', "line 1"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b'["not", "an", "object"]', "object"),
        (
            b'{"override_accounts": [{"type": "credit", "transactions": [{"amount": "a lot"}]}]}',
            "transactions[0].amount",
        ),
    ],
)
def test_an_unreadable_file_is_named_before_anything_starts(tmp_path: Path, content: bytes, said: str):
    path = tmp_path / "user.json"
    path.write_bytes(content)

    code, outcome = once("--user-file", str(path))

    assert code == 2
    assert outcome["error"]["code"] == "unreadable-user-file"
    assert said in outcome["error"]["detail"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    code, outcome = once("--user-file", str(tmp_path / "nobody.json"))

    assert code == 2
    assert "nobody.json" in outcome["error"]["detail"]


def test_an_error_that_the_file_asks_the_bank_for_is_told(tmp_path: Path):
    path = tmp_path / "user.json"
    path.write_text(json.dumps({"force_error": "ITEM_LOCKED"}))

    code, outcome = once("--user-file", str(path))

    assert code == 1
    assert outcome["error"]["code"] == "refused"
    assert str(path) in outcome["error"]["detail"]
    assert "ITEM_LOCKED" in outcome["error"]["detail"]

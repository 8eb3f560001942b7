"""`livespend users` as an operator types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.integration.erase.conftest import ROOT, WAIT, Scene


def livespend(scene: Scene, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers.cli", "users", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=scene.environment(), timeout=60, check=False, capture_output=True, text=True
    )


def test_an_operator_erases_and_hands_out_a_record_that_can_be_checked(scene: Scene, tmp_path: Path) -> None:
    begun = livespend(scene, "erase", scene.user, "--yes", "--json")
    told = json.loads(begun.stdout)
    scene.drive(told["erasure"])
    listed = json.loads(livespend(scene, "erasures", "--json").stdout)["erasures"]
    early = livespend(scene, "record", told["erasure"])
    scene.drive(told["erasure"], scene.after(seconds=WAIT + 1))

    record = livespend(scene, "record", told["erasure"])
    (tmp_path / "record.json").write_text(record.stdout)
    checked = livespend(scene, "verify-record", str(tmp_path / "record.json"), "--user", scene.user)
    (tmp_path / "record.json").write_text(record.stdout.replace('"signIns": 0', '"signIns": 1'))
    changed = livespend(scene, "verify-record", str(tmp_path / "record.json"))

    assert (begun.returncode, told["step"], begun.stderr) == (3, "documents", "")
    assert [(row["user_id"], row["step"]) for row in listed] == [(scene.user, "wait")]
    assert (early.returncode, early.stderr[:17]) == (1, "erasure-not-found")
    assert (checked.returncode, "nothing left" in checked.stdout) == (0, True)
    assert (changed.returncode, changed.stderr[:14]) == (1, "record-invalid")


def test_without_a_yes_nothing_is_begun(scene: Scene) -> None:
    asked = livespend(scene, "erase", scene.user)

    assert asked.returncode == 1
    assert "no way back" in asked.stderr
    assert scene.database.sql("select count(*) from erasures") == [(0,)]

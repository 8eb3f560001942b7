"""A mirror is killed at each named step; the next one finishes its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.database import Database
from tests.fixtures.firestore import FirestoreServer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_mirror(database: Database, firestore_server: FirestoreServer) -> Callable[..., int]:
    """Runs `livespend mirror --until-clean` as a process of its own; answers how it ended."""

    def run(crash_at: str = "") -> int:
        env = {
            "PATH": os.environ["PATH"], "APP_ENV": "local", "MIRROR_DATABASE_URL": database.url("mirror"),
            "FIREBASE_PROJECT_ID": firestore_server.project, "FIRESTORE_EMULATOR_HOST": firestore_server.address,
            "MIRROR_MONTH_INTERVAL_SECONDS": "0", "LIVESPEND_CRASH_AT": crash_at,
        }  # fmt: skip
        command = [sys.executable, "-m", "workers.cli", "mirror", "--until-clean"]
        return subprocess.run(command, cwd=ROOT, env=env, timeout=60, check=False, capture_output=True).returncode

    return run


@pytest.mark.parametrize("step", ["mirror:claimed", "mirror:built", "mirror:committed", "mirror:acknowledged"])
@pytest.mark.parametrize("first", [True, False], ids=["first commit", "later commit"])
def test_a_mirror_killed_at_any_step_loses_and_doubles_nothing(
    step: str, *, first: bool, books, mirrored, run_mirror, assert_mirrored, database
):
    ada = books()
    rows = ada.add(4)
    ada.add(2, on="2026-10-01")
    if not first:
        mirrored()
        ada.categorize(rows[0], "TRAVEL")  # an update
        ada.remove(rows[1])  # a deletion
        ada.add(2)  # creations
        database.sql("update transactions set date = '2026-10-02' where entry_id = %s", rows[2])

    assert run_mirror(step) == -signal.SIGKILL
    ada.categorize(rows[3], "MEDICAL")
    assert run_mirror() == 0

    assert_mirrored()


def test_a_commit_whose_acknowledgement_never_came_is_adopted_without_a_write(
    books, mirrored, run_mirror, assert_mirrored, firestore_server
):
    ada = books()
    rows = ada.add(3)
    mirrored()
    ada.categorize(rows[0], "TRAVEL")
    run_mirror("mirror:committed")
    before = firestore_server.stats()

    mirror = mirrored()

    assert firestore_server.stats()["requested"] == before["requested"]
    assert mirror.counts["drift"] == 0
    assert_mirrored()

"""A short piece of the second lane in every run, where the emulator is; where it is not, the lane says so and ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from local import emulator
from tests.fixtures.lane import pytest_configure

ROOT = Path(__file__).parents[3]
PIECE = (
    "tests/integration/mirror/test_write_counts.py::test_a_category_change_is_two_writes",
    "tests/integration/intents/test_feed.py::test_a_silent_listener_is_opened_anew_without_any_poll",
    "tests/rules_matrix/test_open_listeners.py::test_an_open_listener_ends_with_the_membership[months]",
)


def test_a_short_piece_of_the_second_lane() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--firestore", "emulator", *PIECE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)

    if emulator.find() is None:
        assert (done.returncode, emulator.MISSING in done.stderr) == (4, True)
    else:
        assert done.returncode == 0, done.stdout
        assert "3 passed; 0 left out" in done.stdout


def test_without_the_emulator_the_lane_says_so_and_ends(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_JAR", "/nowhere/emulator.jar")
    monkeypatch.setattr(pytestconfig.option, "firestore", "emulator")

    with pytest.raises(pytest.UsageError, match="is not on this machine"):
        pytest_configure(pytestconfig)

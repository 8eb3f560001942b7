"""The plugin, as a project of its own would use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ours_only("the plugin that starts ours")
_TESTS = """
pytest_plugins = ["local.firestore.pytest_plugin"]

from google.cloud import firestore


def test_a_client_finds_it(local_firestore):
    firestore.Client(project=local_firestore.project).document("c/a").set({"n": 1})
    assert local_firestore.documents() == {"c/a": {"n": 1}}


def test_it_is_empty_again(local_firestore):
    assert local_firestore.documents() == {}
"""


def test_each_test_of_a_project_has_an_empty_firestore(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(_TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    root = Path(__file__).parents[3]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=root, check=False)
    assert "2 passed" in ended.stdout, ended.stdout + ended.stderr

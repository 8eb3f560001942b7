"""A pytest plugin: `pytest_plugins = ["local.firestore.pytest_plugin"]` gives every test an empty Firestore."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.firestore.server import RunningFirestore, start


@pytest.fixture(scope="session")
def local_firestore_process() -> Iterator[RunningFirestore]:
    """One server for all tests; stopped at the end."""
    running = start()
    yield running
    running.stop()


@pytest.fixture
def local_firestore(local_firestore_process: RunningFirestore, monkeypatch: pytest.MonkeyPatch) -> RunningFirestore:
    """An empty Firestore without rules (only the admin may act); clients made in the test find it by themselves."""
    local_firestore_process.clear()
    local_firestore_process.load_rules(None)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", local_firestore_process.address)
    return local_firestore_process

"""Every conformance test says through which of the vendor's clients it speaks, and each client has some."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.what_ran import ADMIN, ASYNCHRONOUS, CLIENTS, NODE, PYTHON, ROOM, WEB, client_of

HERE = Path(__file__).parent


def test_every_file_of_this_room_names_its_client() -> None:
    files = {f"{ROOM}{file.name}" for file in HERE.glob("test_*.py")} - {f"{ROOM}{Path(__file__).name}"}
    named = {file for file in CLIENTS if file.startswith(ROOM)}
    assert files == named


def test_each_of_the_vendors_clients_runs_some_cases(request: pytest.FixtureRequest) -> None:
    root = HERE.parents[2]
    tests = [
        f"{file}::{line.split('(')[0].split()[-1]}"
        for file in CLIENTS
        for line in (root / file).read_text().splitlines()
        if line.startswith("def test_")
    ]
    assert {PYTHON, ASYNCHRONOUS, ADMIN, NODE, WEB} <= {client_of(test) for test in tests}

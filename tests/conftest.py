"""Every fixture lives in a file named for what it stands for."""

import os

import pytest

from local import emulator

pytest_plugins = [
    "tests.fixtures.database",
    "tests.fixtures.valkey",
    "tests.fixtures.auth",
    "tests.fixtures.firestore",
    "tests.fixtures.emulator",
    "tests.fixtures.what_ran",
    "tests.fixtures.plaid",
    "tests.fixtures.kms",
    "tests.fixtures.deps",
    "tests.fixtures.mirror",
    "tests.fixtures.shapes",
    "tests.fixtures.stack",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--firestore",
        choices=["local", "emulator"],
        default=os.environ.get("LIVESPEND_TEST_FIRESTORE", "local"),
        help="emulator: run what talks to a Firestore on the vendor's, where it is on the machine",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--firestore") == "emulator" and emulator.find() is None:
        raise pytest.UsageError(emulator.MISSING)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--firestore") == "emulator":
        left_out = [item for item in items if item.get_closest_marker("ours_only")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]

"""Every fixture lives in a file named for what it stands for."""

pytest_plugins = [
    "tests.fixtures.lane",
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

"""Every disaster ends with equal digests; servers of a test's own, for tests that end or fill them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from local import postgres
from sync.audit.verify import verify
from sync.deps import Deps
from sync.migrate import create_roles, migrate
from sync.mirror.mirror import Mirror
from sync.settings import Settings
from sync.shapes.shapes import SHAPES, Shape
from tests.fixtures.database import Database
from tests.fixtures.firestore import FirestoreServer
from tests.integration.pull.conftest import bank, linked

__all__ = ["bank", "linked"]  # fixtures

ROOT = Path(__file__).parents[2]


@pytest.fixture
def closing_shapes() -> Mapping[int, Shape]:
    """The shapes that the last mirror of a test knows; a file whose ledgers come to more overrides it."""
    return SHAPES


@pytest.fixture(autouse=True)
def ends_with_equal_digests(
    database: Database,
    firestore_server: FirestoreServer,
    mirror_deps: Callable[..., Deps],
    closing_shapes: Mapping[int, Shape],
) -> Iterator[None]:
    """After the test, when its mirrors have ended, what was left is mirrored, and every document of everybody equal."""
    yield
    Mirror(mirror_deps(shapes=closing_shapes)).run(until_clean=True)
    report = verify(mirror_deps(shapes=closing_shapes))
    assert report["equal"], report
    assert {(one["digest"]["ledger"] == one["digest"]["mirror"]) for one in report["perUser"]} <= {True}


@pytest.fixture
def servers() -> Iterator[list[postgres.Postgres]]:
    """Postgres servers of this test's own: all are stopped after everything else."""
    started: list[postgres.Postgres] = []
    yield started
    for server in started:
        server.stop()


@pytest.fixture
def own_cluster(
    tmp_path_factory: pytest.TempPathFactory, servers: list[postgres.Postgres]
) -> Iterator[Callable[..., Database]]:
    """Starts a Postgres cluster of this test's own; answers its migrated ledger."""
    folder = tmp_path_factory.mktemp("cluster")
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    started: list[Database] = []

    def start(*settings: str) -> Database:
        server = postgres.start(folder / "primary", durable=False, settings=settings)
        servers.append(server)
        create_roles(server.url("postgres"), database="livespend")
        migrate(Settings(migration_database_url=server.url("livespend", "livespend_owner")))
        started.append(Database(server, "livespend"))
        return started[-1]

    yield start
    for made in started:
        made.close()


@pytest.fixture
def livespend(database: Database, firestore_server: FirestoreServer) -> Callable[..., str]:
    """Runs an operator's command of the mirror's door as a process of its own; answers what it printed."""

    def run(*arguments: str) -> str:
        env = {
            "PATH": os.environ["PATH"], "APP_ENV": "local", "MIRROR_DATABASE_URL": database.url("mirror"),
            "FIREBASE_PROJECT_ID": firestore_server.project, "FIRESTORE_EMULATOR_HOST": firestore_server.address,
        }  # fmt: skip
        command = [sys.executable, "-m", "workers.cli", *arguments]
        return subprocess.run(command, cwd=ROOT, env=env, timeout=60, check=True, capture_output=True, text=True).stdout

    return run

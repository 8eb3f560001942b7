"""The way from nothing to head, and that it can be walked by many at once and twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from local.postgres import Postgres
from sync.migrate import create_roles, migrate
from sync.settings import Settings
from tests.fixtures.database import Database


def test_a_second_migration_run_finds_nothing_to_do(database: Database) -> None:
    assert migrate(Settings(migration_database_url=database.url("owner"))) == []


def test_replicas_that_migrate_at_once_run_each_migration_once(postgres_server: Postgres) -> None:
    admin = postgres_server.url("postgres")
    create_roles(admin, database="livespend_race")
    settings = Settings(migration_database_url=postgres_server.url("livespend_race", "livespend_owner"))

    with ThreadPoolExecutor(3) as replicas:
        runs = list(replicas.map(lambda _: migrate(settings), range(3)))

    assert sorted(step for run in runs for step in run) == ["0001", "0002"]

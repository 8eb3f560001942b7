"""The way from nothing to head, and that it can be walked by many at once and twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from alembic.script import ScriptDirectory

from local.postgres import Postgres
from sync.errors import MigrationFailed
from sync.migrate import create_roles, migrate, migrations_folder
from sync.settings import Settings
from tests.fixtures.database import Database


def _every_revision() -> list[str]:
    return sorted(script.revision for script in ScriptDirectory(str(migrations_folder())).walk_revisions())


def test_a_second_migration_run_finds_nothing_to_do(database: Database) -> None:
    assert migrate(Settings(migration_database_url=database.url("owner"))) == []


def test_replicas_that_migrate_at_once_run_each_migration_once(postgres_server: Postgres) -> None:
    admin = postgres_server.url("postgres")
    create_roles(admin, database="livespend_race")
    settings = Settings(migration_database_url=postgres_server.url("livespend_race", "livespend_owner"))

    with ThreadPoolExecutor(3) as replicas:
        runs = list(replicas.map(lambda _: migrate(settings), range(3)))

    assert sorted(step for run in runs for step in run) == _every_revision()


def test_a_migration_behind_a_held_table_fails_in_seconds_and_changes_nothing(database: Database) -> None:
    database.sql("update alembic_version set version_num = '0001'")
    holder = psycopg2.connect(database.url())
    with holder.cursor() as cursor:
        cursor.execute("lock table categories")

    with pytest.raises(MigrationFailed, match="lock timeout"):
        migrate(Settings(migration_database_url=database.url("owner")))

    holder.close()
    assert database.sql("select version_num from alembic_version") == [("0001",)]


def test_making_roles_twice_is_safe(postgres_server: Postgres, database: Database) -> None:
    create_roles(postgres_server.url("postgres"), database=database.name)

    assert database.sql("select count(*) from pg_roles where rolname like 'livespend%'") == [(5,)]

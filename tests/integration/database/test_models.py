"""Migrations = models: what the migrations make is what models.py says, seen by Alembic and by the catalogue."""

from __future__ import annotations

import psycopg2
import pytest
import sqlalchemy
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from local.postgres import Postgres
from sync import migrate, models
from sync.db import psycopg2_url
from tests.fixtures.database import Database

CATALOGUES = {
    "columns": """
        select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated::text,
            a.attidentity::text, l.collname, pg_get_expr(d.adbin, d.adrelid)
        from pg_class as c join pg_attribute as a on a.attrelid = c.oid
        left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
        left join pg_collation as l on l.oid = a.attcollation
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
            and c.relname <> 'alembic_version'
    """,
    "constraints": """
        select conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid), condeferrable
        from pg_constraint where connamespace = 'public'::regnamespace and conrelid <> 0
            and conrelid::regclass::text <> 'alembic_version'
    """,
    "indexes": """
        select tablename, indexname, indexdef from pg_indexes
        where schemaname = 'public' and tablename <> 'alembic_version'
    """,
}


@pytest.fixture
def made_from_models(postgres_server: Postgres) -> str:
    """A database made by models.py alone."""
    admin = psycopg2.connect(postgres_server.url("postgres"))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute("drop database if exists livespend_models")
        cursor.execute("create database livespend_models")
    admin.close()
    url = postgres_server.url("livespend_models")
    engine = sqlalchemy.create_engine(psycopg2_url(url), poolclass=NullPool)
    models.metadata.create_all(engine)
    return url


def test_alembic_sees_no_difference_between_migrations_and_models(database: Database) -> None:
    assert migrate.check(database.url("owner")) == []


def test_alembic_sees_a_column_that_only_the_database_has(database: Database) -> None:
    database.sql("alter table items add column forgotten text")

    assert "forgotten" in " ".join(migrate.check(database.url("owner")))


def test_check_names_a_database_behind_the_migrations(database: Database) -> None:
    database.sql("update alembic_version set version_num = '0001'")

    (newest,) = ScriptDirectory(str(migrate.migrations_folder())).get_heads()
    assert migrate.check(database.url("owner")) == [f"the database is at 0001, the migrations at {newest}"]


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_the_catalogue_of_the_migrations_is_that_of_the_models(
    database: Database, made_from_models: str, catalogue: str
) -> None:
    migrated = set(database.sql(CATALOGUES[catalogue]))
    connection = psycopg2.connect(made_from_models)
    with connection.cursor() as cursor:
        cursor.execute(CATALOGUES[catalogue])
        modelled = set(cursor.fetchall())
    connection.close()

    assert migrated - modelled == set()
    assert modelled - migrated == set()
